package correlate_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/sightline-rum/sightline/pkg/correlate"
)

// A service without tracing: the browser learns the trace of its request, and the service's log lines carry it.
func ExampleHandler() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: onlyMessageAndTrace}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		correlate.Logger(r.Context()).Info("Orders listed")
		_, _ = io.WriteString(w, "[]")
	})
	server := httptest.NewServer(correlate.Handler(mux, correlate.Config{Logger: logger}))
	defer server.Close()

	request, _ := http.NewRequest(http.MethodGet, server.URL+"/orders", nil)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") // as a browser's SDK does
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	_, named, _ := strings.Cut(answer.Header.Get("Server-Timing"), "traceparent;desc=")
	fmt.Println(named[:len(`"00-0af7651916cd43dd8448eb211c80319c-`)] + "…")
	// Output:
	// msg="Orders listed" trace_id=0af7651916cd43dd8448eb211c80319c
	// "00-0af7651916cd43dd8448eb211c80319c-…
}

func onlyMessageAndTrace(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Key == slog.MessageKey || attribute.Key == "trace_id" {
		return attribute
	}
	return slog.Attr{}
}
