package engine

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// request is what one HTTP request asks for.
type request struct {
	sql        string
	insert     *insertHead // set for an INSERT with data; sql is then empty
	body       io.Reader   // the INSERT's data, decompressed
	database   string
	format     string // of the result, unless the statement has a FORMAT clause
	parameters []parameter
	settings   url.Values
	queryID    string
	revision   int // the client's protocol revision, 0 when it has none

	compress compress.Method // of ClickHouse's own frames, None for a plain body
	framed   bool            // the result is wanted in such frames
	gzip     bool            // the result is wanted in gzip
}

// readRequest reads everything but an INSERT's data.
func readRequest(r *http.Request) (*request, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Method %s is not supported; use GET or POST", r.Method)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS",
			"External tables and multipart bodies are not supported by the embedded engine")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot parse the query string: %v", err)
	}
	q := &request{settings: url.Values{}, compress: compress.LZ4, format: "TabSeparated", database: defaultDatabase}
	statement := ""
	for name, values := range query {
		value := values[len(values)-1]
		switch {
		case name == "query":
			statement = value
		case name == "database":
			q.database = value
		case name == "default_format":
			q.format = value
		case name == "query_id":
			q.queryID = value
		case name == "client_protocol_version":
			q.revision, _ = strconv.Atoi(value)
		case name == "compress":
			q.framed = isTrue(value)
		case name == "enable_http_compression":
			q.gzip = isTrue(value) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
		case name == "network_compression_method":
			if strings.EqualFold(value, "ZSTD") {
				q.compress = compress.ZSTD
			}
		case strings.HasPrefix(name, "param_"):
			q.parameters = append(q.parameters, parameter{strings.TrimPrefix(name, "param_"), value})
		case name == "user" || name == "password" || name == "decompress":
		default:
			q.settings[name] = values
		}
	}
	if database := r.Header.Get("X-ClickHouse-Database"); database != "" {
		q.database = database
	}
	if format := r.Header.Get("X-ClickHouse-Format"); format != "" {
		q.format = format
	}
	if q.database == "" {
		q.database = defaultDatabase
	}
	if q.queryID == "" {
		q.queryID = strings.ToLower(rand.Text())
	}
	body, err := decodeBody(r, isTrue(query.Get("decompress")))
	if err != nil {
		return nil, err
	}
	return q, q.readStatement(statement, body)
}

// readStatement finds the statement in the query string, in the body, or begun in the one and continued in the other.
func (q *request) readStatement(statement string, body io.Reader) error {
	if head, isInsert := splitInsert(statement); isInsert {
		q.insert = &head
		q.body = io.MultiReader(strings.NewReader(statement[head.data:]), body)
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(body, maxInsertHeadBytes))
	if err != nil {
		return bodyError(err)
	}
	if statement == "" {
		if head, isInsert := splitInsert(string(text)); isInsert {
			q.insert = &head
			q.body = io.MultiReader(bytes.NewReader(text[head.data:]), body)
			return nil
		}
	}
	rest, err := io.ReadAll(io.LimitReader(body, maxStatementBytes))
	if err != nil {
		return bodyError(err)
	}
	if len(text)+len(rest) >= maxStatementBytes {
		return newException(codeTooLarge, "TOO_MANY_BYTES",
			"The statement is longer than %d bytes; send inserted rows as data, with INSERT INTO … FORMAT …",
			maxStatementBytes)
	}
	if statement != "" && len(text) > 0 {
		statement += "\n"
	}
	q.sql = statement + string(text) + string(rest)
	if strings.TrimSpace(q.sql) == "" {
		return newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: Empty query")
	}
	return nil
}

// maxInsertHeadBytes is how far into a body the FORMAT clause of an INSERT is looked for.
const maxInsertHeadBytes = 256 << 10

// decodeBody undoes the body's compression: ClickHouse's own frames, or gzip.
func decodeBody(r *http.Request, framed bool) (io.Reader, error) {
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		reader, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, bodyError(err)
		}
		body = reader
	default:
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS",
			"Content-Encoding %q is not supported; use gzip, or the client's LZ4 or ZSTD", encoding)
	}
	if framed {
		body = frameReader{compress.NewReader(body)}
	}
	return body, nil
}

// frameReader ends with a plain io.EOF where the frames end; the decoder wraps it.
type frameReader struct{ frames *compress.Reader }

func (r frameReader) Read(p []byte) (int, error) {
	n, err := r.frames.Read(p)
	if err != nil && errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}
