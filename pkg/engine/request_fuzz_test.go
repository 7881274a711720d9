package engine

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requestOf makes a request as a client could send it, or none if HTTP itself has no such request.
func requestOf(method, target, headers, body string) *http.Request {
	address, err := url.ParseRequestURI(target)
	if err != nil || !regexp.MustCompile(`^[A-Z]{1,10}$`).MatchString(method) {
		return nil
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Method, r.URL = method, address
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	return r
}

func addRequests(f *testing.F) {
	for _, seed := range []struct{ method, target, headers, body string }{
		{"GET", "/", "", ""}, {"GET", "/ping", "", ""}, {"POST", "/?query=SELECT+1&user=default&password=", "", ""},
		{"POST", "/?database=sightline", "X-ClickHouse-User: sightline\nX-ClickHouse-Key: x", "SELECT 1"},
		{"POST", "/?user=sightline_reader&password=x&readonly=0&max_execution_time=1e9", "", "SELECT 1"},
		{"POST", "/?param_a=1&default_format=JSON&max_memory_usage=-1", "Authorization: Basic c2lnaHRsaW5lOg==",
			"SELECT {a:UInt8}"},
		{"POST", "/?decompress=1&compress=1", "X-ClickHouse-Format: Template", "\x00\x01"},
		{"POST", "/?enable_http_compression=1", "Content-Encoding: gzip\nAccept-Encoding: gzip",
			"\x1f\x8b\x08\x00\x00"},
		{"POST", "/?query=INSERT+INTO+t+FORMAT+CSV", "Content-Type: multipart/form-data", "1,2"},
		{"POST", "/?session_id=x&role=writer&quota_key=y", "X-ClickHouse-SSL-Certificate-Auth: on", "SELECT 1"},
		{"POST", "//?query=SELECT+1", "X-Forwarded-For: 127.0.0.1\nX-HTTP-Method-Override: GET", ""},
		{"POST", "/play?user=sightline", "X-ClickHouse-User:", ""}, {"OPTIONS", "/?query=%zz;a=b", "",
			"INSERT INTO t VALUES (1)"},
	} {
		f.Add(seed.method, seed.target, seed.headers, seed.body)
	}
}

// FuzzWithoutAPassword lets whoever does not know a password try anything. The store behind the interface is not open: a
// request that got past the password would panic, or be answered with something else.
func FuzzWithoutAPassword(f *testing.F) {
	addRequests(f)
	guarded := newInterface(&store{}, Access{Writer: Login{WriterUser, "Gkq2vXw7tYb4"}, Reader: Login{ReaderUser,
		"Hns8cZr5mLd3"}},
		Config{MaxBodyBytes: 1 << 20})
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		r := requestOf(method, target, headers, body)
		if r == nil {
			return
		}
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusUnauthorized, http.StatusNotFound:
		case http.StatusOK:
			if w.Body.String() != "Ok.\n" {
				t.Fatalf("%s %s without a password: %s", method, target, w.Body)
			}
		default:
			t.Fatalf("%s %s without a password: %d %s", method, target, w.Code, w.Body)
		}
	})
}

// FuzzRequest reads what somebody with the reader's password sends. Whatever it is, only settings of the lists go on, the
// connection is read-only, and its limits are below the caps.
func FuzzRequest(f *testing.F) {
	addRequests(f)
	caps := limits{seconds: 300, memoryBytes: 1 << 30}
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		r := requestOf(method, target, headers, body)
		if r == nil {
			return
		}
		q, err := readRequest(r)
		if err != nil {
			return
		}
		if (q.insert == nil) == (q.sql == "") {
			t.Fatalf("%q is neither a statement nor an insert, or both", body)
		}
		if q.body != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(q.body, 1<<20))
		}
		settings, err := requestSettings(roleReader, q.settings, caps)
		if err != nil {
			return
		}
		if last := settings[len(settings)-1]; last != (setting{"readonly", "1"}) {
			t.Fatalf("a reader's last setting is %v", last)
		}
		for _, s := range settings[:len(settings)-1] {
			known := slices.Contains(readerSettings, s.name) || hasAnyPrefix(s.name, sharedPrefixes)
			if !known || slices.Contains(refusedWords, s.name) || !settingValue.MatchString(s.value) {
				t.Fatalf("a reader set %s to %q", s.name, s.value)
			}
			if limit, err := number(map[string]string{"x": s.value}, "x", 0); s.name == "max_execution_time" &&
				(err != nil || limit <= 0 || limit > caps.seconds) {
				t.Fatalf("a reader may run for %s s", s.value)
			}
		}
	})
}

func FuzzParseException(f *testing.F) {
	for _, text := range []string{"Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)", "Code: 99999999999999999999",
		"Code: -1. DB",
		"", "Code:", "DB::Exception"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e := parseException(text); e == nil || e.Code <= 0 {
			t.Fatalf("%q is an exception without a code: %v", text, e)
		}
	})
}
