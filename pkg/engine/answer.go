package engine

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// handshake is the first query of clickhouse-go. It is decoded at the client's own protocol revision.
const handshake = "SELECT displayName(), version(), revision(), timezone()"

// answer writes the response to one request. The status is sent with the first piece of the result; an error before
// that has a status of its own, a later one is written into the body, framed as ClickHouse frames it.
type answer struct {
	http        http.ResponseWriter
	store       *store
	rowsWritten uint64

	tag    string
	begun  bool
	framed bool
	frame  *compress.Writer
	zipped *gzip.Writer
	out    io.Writer
}

func newAnswer(w http.ResponseWriter, _ *http.Request, s *store) *answer {
	return &answer{http: w, store: s, out: w, tag: strings.ToLower(rand.Text())[:16]}
}

// begin sends the status and headers.
func (a *answer) begin(q *request) {
	if a.begun {
		return
	}
	a.begun = true
	header := a.http.Header()
	header.Set("Content-Type", contentType(q.format))
	header.Set("X-ClickHouse-Query-Id", q.queryID)
	header.Set("X-ClickHouse-Format", q.format)
	header.Set("X-ClickHouse-Timezone", a.store.timezone)
	header.Set("X-ClickHouse-Server-Display-Name", "sightline")
	header.Set("X-ClickHouse-Exception-Tag", a.tag)
	header.Set("X-ClickHouse-Summary", formatSummary(a.rowsWritten))
	if q.framed {
		a.framed = true
		a.frame = compress.NewWriter(compress.LevelZero, q.compress)
	} else if q.gzip {
		header.Set("Content-Encoding", "gzip")
		a.zipped = gzip.NewWriter(a.http)
		a.out = a.zipped
	}
	a.http.WriteHeader(http.StatusOK)
}

// frameBytes is how much of the result one compressed frame holds, as on a ClickHouse server.
const frameBytes = 1 << 20

// write sends a piece of the result.
func (a *answer) write(q *request, piece []byte) error {
	a.begin(q)
	if !a.framed {
		_, err := a.out.Write(piece)
		return err
	}
	for len(piece) > 0 {
		size := min(len(piece), frameBytes)
		if err := a.frame.Compress(piece[:size]); err != nil {
			return fmt.Errorf("compress result: %w", err)
		}
		if _, err := a.out.Write(a.frame.Data); err != nil {
			return err
		}
		piece = piece[size:]
	}
	return nil
}

// close ends a successful response.
func (a *answer) close(q *request) error {
	a.begin(q)
	if a.zipped != nil {
		return a.zipped.Close()
	}
	return nil
}

// handshake answers a client's first query. It reports revision 0, because the library writes Native blocks at that
// revision: everything the client decodes after this one block is decoded so.
func (a *answer) handshake(q *request) error {
	block := proto.NewBlock()
	for _, each := range []struct {
		name string
		kind column.Type
	}{
		{"displayName()", "String"}, {"version()", "String"}, {"revision()", "UInt32"}, {"timezone()", "String"},
	} {
		if err := block.AddColumn(each.name, each.kind); err != nil {
			return fmt.Errorf("answer handshake: %w", err)
		}
	}
	if err := block.Append("sightline", a.store.version, uint32(0), a.store.timezone); err != nil {
		return fmt.Errorf("answer handshake: %w", err)
	}
	var buffer chproto.Buffer
	if err := block.Encode(&buffer, uint64(q.revision)); err != nil {
		return fmt.Errorf("answer handshake: %w", err)
	}
	if err := a.write(q, buffer.Buf); err != nil {
		return err
	}
	return a.close(q)
}

// fail sends an error.
func (a *answer) fail(err error) {
	var exception *Exception
	switch {
	case errors.As(err, &exception):
	case errors.Is(err, context.Canceled):
		exception = newException(codeQueryCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled: the client has gone")
	default:
		exception = newException(codeUnknownException, "UNKNOWN_EXCEPTION", "%v", err)
	}
	if !a.begun {
		header := a.http.Header()
		header.Set("Content-Type", "text/plain; charset=UTF-8")
		header.Set("X-ClickHouse-Timezone", a.store.timezone)
		header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(exception.Code))
		status := httpStatus(exception.Code)
		if status == http.StatusUnauthorized {
			header.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
		}
		a.http.WriteHeader(status)
		_, _ = io.WriteString(a.http, exception.Message+"\n")
		return
	}
	text := exception.Message + "\n"
	block := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", a.tag, text, len(text), a.tag)
	if a.framed {
		// Stored, not compressed: clients find the marker in the bytes as they came.
		stored := compress.NewWriter(compress.LevelZero, compress.None)
		if err := stored.Compress([]byte(block)); err == nil {
			_, _ = a.out.Write(stored.Data)
		}
		return
	}
	_, _ = io.WriteString(a.out, block)
	if a.zipped != nil {
		_ = a.zipped.Close()
	}
}

// contentType is the media type of a format; unknown ones are text, as with ClickHouse.
func contentType(format string) string {
	switch {
	case format == "Native" || strings.HasPrefix(format, "RowBinary") || format == "Parquet" || format == "Arrow":
		return "application/octet-stream"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8"
	case strings.HasPrefix(format, "TabSeparated") || strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	default:
		return "text/plain; charset=UTF-8"
	}
}
