package ingest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// traceStore is an OTLP/HTTP endpoint that hands over what it took, after refusing a few times.
func traceStore(t *testing.T, refuse ...int) (address string, taken chan ptrace.Traces) {
	taken = make(chan ptrace.Traces, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(refuse) > 0 {
			w.WriteHeader(refuse[0])
			refuse = refuse[1:]
			return
		}
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body, _ := io.ReadAll(unpacked)
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != mediaProtobuf {
			http.Error(w, "not OTLP", http.StatusBadRequest)
			return
		}
		taken <- request.Traces()
	}))
	t.Cleanup(server.Close)
	return server.URL, taken
}

// forwarding is a sidecar that passes spans on.
func forwarding(t *testing.T, endpoint string) (*sidecar, *Forwarder) {
	s := start(t, "")
	forwarder, err := NewForwarder(endpoint, s.counters, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	s.server.forwarder = forwarder
	return s, forwarder
}

func run(t *testing.T, f *Forwarder) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func TestSpansAreForwardedScrubbed(t *testing.T) {
	address, taken := traceStore(t, http.StatusServiceUnavailable)
	s, f := forwarding(t, address)
	run(t, f)
	require.Equal(t, 202, s.do(call{body: fresh(capture(t, "06-traces.json"))}).status)
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(<-taken)
	require.NoError(t, err)
	require.Contains(t, string(text), "47fae4688608d0f2")
	require.Contains(t, string(text), "/api/cart/42")
	for _, secret := range []string{"jane.doe", "janedoe", "Jane Doe", "u-4711", "?"} {
		require.NotContains(t, string(text), secret)
	}

	for file, media := range map[string]string{"otlp/traces-click.json": "application/json", "otlp/traces-click.pb": mediaProtobuf} {
		body, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		f.offer("clients", "qa", body, media == mediaProtobuf)
		forwarded := <-taken
		require.Positive(t, forwarded.SpanCount())
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(forwarded)
		require.NoError(t, err)
		require.Contains(t, string(text), "/api/basket")
		require.NotContains(t, string(text), "sku=1")
	}
}

func TestWhatTheTraceStoreDoesNotTakeIsCountedAndDelaysNothing(t *testing.T) {
	address, _ := traceStore(t, http.StatusBadRequest)
	s, f := forwarding(t, address)
	// Nobody sends yet: the queue fills up, and payloads are acknowledged all the same.
	span := `{"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"` + strings.Repeat("x", 100_000) + `"}]}]}]},` +
		`"meta":{"app":{"name":"shop"}},"events":[{"name":"x"}]}`
	const sent = 400 // of 100 kB, where 32 MiB may wait
	for range sent {
		require.Equal(t, 202, s.do(call{body: span}).status)
	}
	dropped := s.counted("forward_dropped", "queue full")
	require.Positive(t, dropped)
	require.LessOrEqual(t, f.waiting.Load(), int64(forwardBytes))
	require.EqualValues(t, sent, dropped+int64(len(f.queue)))

	_, g := forwarding(t, address)
	g.counters = s.counters
	g.send(t.Context(), forwarded{app: "shop", spans: []byte(`{}`)})
	require.EqualValues(t, 1, s.counted("forward_dropped", "not taken"), "a refusal for good is not tried again")
	g.send(t.Context(), forwarded{app: "shop", spans: []byte(`{`)})
	require.EqualValues(t, 1, s.counted("forward_dropped", "undecodable"))
}

func TestTheAddressOfATraceStoreIsChecked(t *testing.T) {
	for given, want := range map[string]string{
		"http://tempo:4318": "http://tempo:4318/v1/traces", "https://t.example/otlp/v1/traces": "https://t.example/otlp/v1/traces",
	} {
		got, err := tracesEndpoint(given)
		require.NoError(t, err)
		require.Equal(t, want, got.String())
	}
	_, err := ParseConfig([]byte("forward_traces: tempo:4318"))
	require.ErrorContains(t, err, "forward_traces: \"tempo:4318\" is not the URL of an OTLP/HTTP endpoint")
}

// counted is a counter's value since the last flush, over all apps.
func (s *sidecar) counted(counter, reason string) (sum int64) {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	for key, value := range s.counters.counts {
		if key.counter == counter && key.reason == reason {
			sum += value
		}
	}
	return sum
}
