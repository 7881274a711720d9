package correlate

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// blank is an answer that goes nowhere, so that only the middleware is measured. It has the interfaces of net/http's own.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header                          { return b.header }
func (b *blank) Write(body []byte) (int, error)               { return len(body), nil }
func (b *blank) WriteHeader(int)                              {}
func (b *blank) Flush()                                       {}
func (b *blank) ReadFrom(from io.Reader) (n int64, err error) { return io.Copy(io.Discard, from) }

// BenchmarkHandler is what the middleware adds to a request, over a handler that answers with a few bytes.
func BenchmarkHandler(b *testing.B) {
	answer := []byte("hello")
	handle := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) })
	log := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Logger(r.Context()).Info("Asked")
		_, _ = w.Write(answer)
	})
	quiet := slog.New(slog.NewJSONHandler(io.Discard, nil))
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"without", handle},
		{"traced", Handler(handle, Config{})},
		{"request id", Handler(handle, Config{Untraced: true, RequestID: "X-Request-Id"})},
		{"traced and a log line", Handler(log, Config{Logger: quiet})},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			request.Header.Set("Traceparent", exampleParent)
			request.Header.Set("X-Request-Id", "01J9-proxy.7")
			w := &blank{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				c.handler.ServeHTTP(w, request)
			}
		})
	}
}
