package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each file of testdata/privacy is a request of one format, as it goes over the wire, with every field that the format
// has. It is sent once for each of its texts, headers and parameters, with private things planted in that one alone,
// so that the rest of the beacon is taken. @NOW, @NANO and @MILLI stand for the time it is
// sent. Some of their items are rejected, so that what is planted in them is set aside.
const privacyFolder = "testdata/privacy"

// planted is what a page may send of a person, by mistake: in a text, in an address, or in place of an identifier.
var planted = []string{
	" to jane.planted@example.com, card 4111 1111 1111 1111, call +49 30 7654321 from 203.0.113.77 with password=PlantedHunter2 and " +
		"Bearer plantedBearer123 or eyJhbGciOiJIUzI1NiJ9.eyJwbGFudGVkIjoxfQ.c2VjcmV0UGxhbnRlZA at https://shop.example/p?q=PlantedQuery#PlantedFragment",
	"?email=jane.planted%40example.com&q=PlantedQuery#PlantedFragment=1",
	"/jane.planted@example.com/203.0.113.77",
	"jane.planted@example.com",
	strings.Repeat("x", 100) + " jane.planted@example.com",
	strings.Repeat("x", 500) + " jane.planted@example.com",
	strings.Repeat("x", 4080) + " jane.planted@example.com",
}

// signs are what must be nowhere: a part of each thing planted.
var plantedSigns = []string{
	"jane.planted", "jane.plant", "4111 1111", "41111111", "7654321", "203.0.113.77", "PlantedHunter", "plantedBearer", "eyJhbGciOi",
	"PlantedQuery", "PlantedFragment", "cGxhbnRlZ",
}

// quarantinePace keeps the rejected items, of which most requests have one, below the rate at which they are all kept.
const quarantinePace = 3 * time.Millisecond

// beside is planted along with each, and must be there: a test that finds nothing at all finds nothing private either.
const beside = "besideTheSecrets"

func TestNothingPrivateIsKeptWhateverFieldItIsIn(t *testing.T) {
	s := startSidecar(t)
	files, err := filepath.Glob(filepath.Join(privacyFolder, "*.http"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		sent, taken := s.plantEverywhere(t, file)
		t.Logf("%s: %d requests, %d of them taken", filepath.Base(file), sent, taken)
		require.Greater(t, taken*10, sent*7, "most must be taken: a field that spoils the whole beacon tests nothing")
	}
	require.NotEmpty(t, s.onDisk(beside), "the spool can be searched")
	for _, format := range []string{"faro", "otlp-logs", "otlp-traces", "web-vitals", "boomerang", "reports"} {
		require.NotEmpty(t, s.onDisk(`"format":"`+format+`"`), "something of every format is in the quarantine")
	}
	s.waitDrained()
	s.requireNowhere(t)
	require.Contains(t, s.dump(t), beside)
}

// plantEverywhere sends a request once for each of its texts and each thing to plant.
func (s *sidecar) plantEverywhere(t *testing.T, file string) (sent, taken int) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, secret := range planted {
		for n := 0; ; n++ {
			now := time.Now()
			fresh := strings.NewReplacer("@NOW", now.UTC().Format(time.RFC3339Nano), "@NANO", strconv.FormatInt(now.UnixNano(), 10),
				"@MILLI", strconv.FormatInt(now.UnixMilli(), 10)).Replace(string(text))
			request, more := plantInto(t, fresh, n, secret)
			if !more {
				break
			}
			request.URL.Scheme, request.URL.Host, request.RequestURI, request.Host = "http", s.listen, "", s.listen
			request.Header.Set("X-Forwarded-For", "203.0.113.77")
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			sent++
			time.Sleep(quarantinePace)
			if answer.StatusCode/100 == 2 {
				taken++
			}
		}
	}
	return sent, taken
}

// plantInto returns the request with a secret in its nth text: a header, a parameter, or a text anywhere in its body.
// more is false when it has fewer.
func plantInto(t *testing.T, text string, n int, secret string) (request *http.Request, more bool) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n")))
	require.NoError(t, err)
	left := n
	plant := func(value string) (string, bool) {
		if left--; left != -1 {
			return value, false
		}
		return value + secret, true
	}
	for _, name := range sortedKeys(request.Header) {
		if name == "Content-Type" || name == "Content-Encoding" {
			continue
		}
		value, _ := plant(request.Header.Get(name))
		request.Header.Set(name, value)
	}
	query := request.URL.Query()
	for _, name := range sortedKeys(query) {
		value, _ := plant(query.Get(name))
		query.Set(name, value)
	}
	request.URL.RawQuery = query.Encode()
	content := []byte(strings.TrimSpace(body))
	switch {
	case bytes.HasPrefix(content, []byte("{")), bytes.HasPrefix(content, []byte("[")):
		var value any
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&value))
		content, err = json.Marshal(walk(value, plant))
		require.NoError(t, err)
	case len(content) > 0:
		form, err := url.ParseQuery(string(content))
		require.NoError(t, err)
		for _, name := range sortedKeys(form) {
			value, _ := plant(form.Get(name))
			form.Set(name, value)
		}
		content = []byte(form.Encode())
	}
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
	return request, left < 0
}

// walk plants into the texts of a JSON value, in an order that is always the same. The keys of objects count as texts,
// too: the secret is planted as a further key.
func walk(value any, plant func(string) (string, bool)) any {
	switch v := value.(type) {
	case string:
		planted, _ := plant(v)
		return planted
	case []any:
		for i := range v {
			v[i] = walk(v[i], plant)
		}
	case map[string]any:
		var any any = "x" // a value like those it is planted beside
		for _, key := range sortedKeys(v) {
			if number, isNumber := v[key].(json.Number); isNumber {
				any = number
			}
			v[key] = walk(v[key], plant)
			if text, isText := v[key].(string); isText && text == "n" { // of something the page names itself
				v["seen"] = beside
			}
		}
		if key, here := plant("key"); here {
			v[key] = any
		}
	}
	return value
}

// requireNowhere looks for what was planted in every file of the data folder, in every table, in the log, and in the
// metrics.
func (s *sidecar) requireNowhere(t *testing.T) {
	t.Helper()
	tables, metrics := s.dump(t), s.page("/metrics")
	for _, sign := range plantedSigns {
		if at := strings.Index(tables, sign); at >= 0 {
			t.Errorf("%q is in the store: %s", sign, tables[max(0, at-300):min(len(tables), at+100)])
		}
		require.NotContains(t, s.logs.String(), sign, "the log")
		require.NotContains(t, metrics, sign, "the metrics")
		require.Empty(t, s.onDisk(sign), "%s is in a file of the data folder", sign)
	}
}

// onDisk returns where a text stands in a file of the data folder, or "". The store's own files are packed; dump reads
// them.
func (s *sidecar) onDisk(text string) (where string) {
	_ = filepath.WalkDir(s.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || where != "" {
			return nil // files come and go while it runs
		}
		content, _ := os.ReadFile(path)
		if at := bytes.Index(content, []byte(text)); at >= 0 {
			where = fmt.Sprintf("%s: %q", path, content[max(0, at-200):min(len(content), at+100)])
		}
		return nil
	})
	return where
}

// dump is everything in every table, as text.
func (s *sidecar) dump(t *testing.T) string {
	t.Helper()
	conn := s.sql()
	rows, err := conn.Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'")
	require.NoError(t, err)
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		texts, err := conn.Query(t.Context(), "SELECT formatRowNoNewline('JSONEachRow', *) FROM "+table)
		require.NoError(t, err, table)
		for texts.Next() {
			var row string
			require.NoError(t, texts.Scan(&row))
			fmt.Fprintln(&all, table, row)
		}
		require.NoError(t, texts.Err(), table)
	}
	require.NoError(t, rows.Err())
	return all.String()
}

func (s *sidecar) page(path string) string {
	s.t.Helper()
	answer, err := http.Get(s.url(path))
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return string(text)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
