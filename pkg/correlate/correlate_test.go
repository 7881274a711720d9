package correlate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const exampleParent = "00-" + exampleTrace + "-" + exampleSpan + "-01"

// asked serves one request over HTTP and returns the answer.
func asked(t *testing.T, config Config, handle http.HandlerFunc, headers ...string) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(Handler(handle, config))
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

var timing = regexp.MustCompile(`^app;dur=[0-9]+\.[0-9], traceparent;desc="00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9]{2})"(, reqid;desc="[^"]+")?$`)

// told is the trace, the span and the flags that an answer names.
func told(t *testing.T, answer *http.Response) (trace, span, flags string) {
	t.Helper()
	require.Len(t, answer.Header.Values("Server-Timing"), 1)
	parts := timing.FindStringSubmatch(answer.Header.Get("Server-Timing"))
	require.NotNil(t, parts, answer.Header.Get("Server-Timing"))
	return parts[1], parts[2], parts[3]
}

func TestAnAnswerNamesTheTraceOfItsRequest(t *testing.T) {
	trace, span, flags := func() (string, string, string) {
		answer, _ := asked(t, Config{}, hello, "traceparent", exampleParent)
		return told(t, answer)
	}()
	require.Equal(t, exampleTrace, trace)
	require.NotEqual(t, exampleSpan, span, "the span is the server's own")
	require.Equal(t, "01", flags)

	answer, _ := asked(t, Config{}, hello, "traceparent", strings.TrimSuffix(exampleParent, "1")+"0")
	_, _, flags = told(t, answer)
	require.Equal(t, "00", flags, "what the caller does not record, the answer does not promise")
}

func TestARequestWithoutAUsableTraceStartsOne(t *testing.T) {
	for name, headers := range map[string][]string{
		"none":              nil,
		"a broken one":      {"traceparent", "00-broken"},
		"two contradicting": {"traceparent", exampleParent, "traceparent", exampleParent},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _ := asked(t, Config{}, hello, headers...)
			trace, _, flags := told(t, answer)
			require.NotEqual(t, exampleTrace, trace)
			require.Equal(t, "03", flags, "sampled, with a random id")
		})
	}

	never := Config{Sampled: func(*http.Request) bool { return false }}
	answer, _ := asked(t, never, hello)
	_, _, flags := told(t, answer)
	require.Equal(t, "02", flags)
	answer, _ = asked(t, never, hello, "traceparent", exampleParent)
	_, _, flags = told(t, answer)
	require.Equal(t, "01", flags, "a trace of the caller's keeps its decision")
}

func TestTheSpanOfATracerComesBeforeOurs(t *testing.T) {
	active, err := ParseTraceparent("00-" + strings.Repeat("a", 32) + "-" + strings.Repeat("b", 16) + "-01")
	require.NoError(t, err)
	config := Config{Active: func(context.Context) (Trace, bool) { return active, true }}
	answer, _ := asked(t, config, hello, "traceparent", exampleParent)
	require.Contains(t, answer.Header.Get("Server-Timing"), active.String())

	config.Active = func(context.Context) (Trace, bool) { return Trace{}, false }
	answer, _ = asked(t, config, hello, "traceparent", exampleParent)
	trace, _, _ := told(t, answer)
	require.Equal(t, exampleTrace, trace, "a request that the tracer leaves out still has its trace")
}

func TestHoweverAHandlerAnswersTheTimingIsThereOnce(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"a body":         hello,
		"a status":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"a status twice": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot); hello(w, nil) },
		"nothing at all": func(http.ResponseWriter, *http.Request) {},
		"an error":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"a copied body":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("hello")) },
		"a flush first":  func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); hello(w, nil) },
		"an early hint":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints); hello(w, nil) },
		"a read-from call": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _ := asked(t, Config{}, handle)
			told(t, answer)
		})
	}

	answer, _ := asked(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server-Timing", "db;dur=7")
		hello(w, nil)
	})
	require.Equal(t, "db;dur=7", answer.Header.Values("Server-Timing")[0], "what the handler measures stays")
	require.Len(t, answer.Header.Values("Server-Timing"), 2)
}

func TestAConnectionCanBeTakenOver(t *testing.T) {
	server := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
	}), Config{}))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "mine", string(body))
}

func TestTheRequestIDIsTakenOrMadeAndTold(t *testing.T) {
	config := Config{RequestID: "X-Request-Id", Untraced: true}
	answer, body := asked(t, config, func(w http.ResponseWriter, r *http.Request) {
		_, traced := FromContext(r.Context())
		require.False(t, traced)
		_, _ = io.WriteString(w, RequestID(r.Context()))
	}, "x-request-id", "01J9-proxy.7", "traceparent", exampleParent)
	require.Equal(t, "01J9-proxy.7", body)
	require.Equal(t, "01J9-proxy.7", answer.Header.Get("X-Request-Id"))
	require.Regexp(t, `^app;dur=[0-9.]+, reqid;desc="01J9-proxy.7"$`, answer.Header.Get("Server-Timing"))

	for name, unusable := range map[string]string{"none": "", "a quote": `a"b`, "too long": strings.Repeat("x", 129),
		"a second header in it": "a, traceparent;desc=1"} {
		t.Run(name, func(t *testing.T) {
			answer, _ := asked(t, config, hello, "X-Request-Id", unusable)
			require.Regexp(t, `^[0-9a-f]{32}$`, answer.Header.Get("X-Request-Id"))
		})
	}

	answer, _ = asked(t, Config{RequestID: "X-Request-Id"}, hello)
	require.Regexp(t, `^app;dur=[0-9.]+, traceparent;desc="[^"]+", reqid;desc="[0-9a-f]{32}"$`, answer.Header.Get("Server-Timing"))
}

func TestOtherOriginsReadTheTimingWhereTheyMay(t *testing.T) {
	answer, _ := asked(t, Config{}, hello)
	require.Empty(t, answer.Header.Values("Timing-Allow-Origin"))
	answer, _ = asked(t, Config{TimingAllowOrigin: []string{"https://shop.example", "https://m.shop.example"}}, hello)
	require.Equal(t, "https://shop.example, https://m.shop.example", answer.Header.Get("Timing-Allow-Origin"))
}

func TestLinesOfARequestCarryItsIDs(t *testing.T) {
	var lines bytes.Buffer
	plain := slog.NewJSONHandler(&lines, nil)
	config := Config{RequestID: "X-Request-Id", Logger: slog.New(plain)}
	answer, _ := asked(t, config, func(w http.ResponseWriter, r *http.Request) {
		Logger(r.Context()).Info("By the logger of the request")
		slog.New(Logs(plain)).With("shop", "de").InfoContext(r.Context(), "By the context of the line")
		slog.New(Logs(plain)).Info("Outside of any request")
		hello(w, r)
	}, "traceparent", exampleParent, "X-Request-Id", "r1")
	_, span, _ := told(t, answer)

	reader := json.NewDecoder(&lines)
	for n := range 3 {
		var line map[string]any
		require.NoError(t, reader.Decode(&line))
		if n == 2 {
			require.NotContains(t, line, "trace_id")
			continue
		}
		require.Equal(t, exampleTrace, line["trace_id"], line["msg"])
		require.Equal(t, span, line["span_id"], line["msg"])
		require.Equal(t, "r1", line["request_id"], line["msg"])
	}
	require.Equal(t, slog.Default(), Logger(t.Context()), "outside of a request")
}

func TestWhatAHandlerCallsBelongsToTheSameTrace(t *testing.T) {
	got := make(chan http.Header, 1)
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer behind.Close()
	client := &http.Client{Transport: &Transport{}}
	call := func(r *http.Request, headers ...string) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, behind.URL, nil)
		require.NoError(t, err)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := client.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		require.Len(t, request.Header, len(headers)/2, "the caller's request stays as it was")
	}

	answer, _ := asked(t, Config{RequestID: "X-Request-Id"}, func(w http.ResponseWriter, r *http.Request) {
		call(r)
		hello(w, r)
	}, "traceparent", exampleParent, "tracestate", "a=1", "tracestate", "b=2", "X-Request-Id", "r1")
	_, span, _ := told(t, answer)
	sent := <-got
	require.Equal(t, "00-"+exampleTrace+"-"+span+"-01", sent.Get("Traceparent"), "its parent is the server's span")
	require.Equal(t, "a=1,b=2", sent.Get("Tracestate"))
	require.Equal(t, "r1", sent.Get("X-Request-Id"))

	asked(t, Config{}, func(_ http.ResponseWriter, r *http.Request) { call(r, "Traceparent", exampleParent) })
	require.Equal(t, exampleParent, (<-got).Get("Traceparent"), "a tracer's own header stays")

	call(httptest.NewRequest(http.MethodGet, "/", nil))
	require.Empty(t, (<-got).Get("Traceparent"), "outside of a request there is nothing to carry on")
}
