package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Forwarder passes the spans that pages report on to a trace store with an OTLP/HTTP endpoint, such as Tempo. It has a
// bounded queue and never delays an acknowledgement: what finds no room, or is not taken for a while, is dropped and
// counted. Spans are scrubbed like everything else.
type Forwarder struct {
	endpoint string
	named    string // the endpoint as messages name it, without a password
	client   *http.Client
	counters *Counters
	logger   *slog.Logger
	queue    chan forwarded
	waiting  atomic.Int64 // bytes
	spans    *prometheus.CounterVec
}

// forwarded is the spans of one payload on their way.
type forwarded struct {
	app, environment string
	spans            []byte
	protobuf         bool
}

// What may wait for the trace store, and for how long one payload is tried.
const (
	forwardPayloads = 4096
	forwardBytes    = 32 << 20
	forwardFor      = 30 * time.Second
	forwardTimeout  = 10 * time.Second
	forwardSenders  = 4
)

// NewForwarder prepares to forward to an endpoint such as http://tempo:4318/v1/traces; a URL without a path gets that
// one.
func NewForwarder(endpoint string, counters *Counters, logger *slog.Logger, registry prometheus.Registerer) (*Forwarder, error) {
	to, err := tracesEndpoint(endpoint)
	if err != nil {
		return nil, fmt.Errorf("forward traces: %w", err)
	}
	f := &Forwarder{
		endpoint: to.String(), named: to.Redacted(), counters: counters, logger: logger, queue: make(chan forwarded, forwardPayloads),
		client: &http.Client{Timeout: forwardTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_forwarded_payloads_total", Help: "Payloads with spans by what became of them: sent or dropped.",
		}, []string{"result"}),
	}
	registry.MustRegister(f.spans)
	return f, nil
}

func tracesEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		said := endpoint[strings.LastIndexByte(endpoint, '@')+1:] // what stands before may be a login
		return nil, fmt.Errorf("%q is not the URL of an OTLP/HTTP endpoint such as http://tempo:4318/v1/traces", said)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u, nil
}

// offer queues the spans of a payload that is on disk. It copies them and never waits.
func (f *Forwarder) offer(app, environment string, spans []byte, protobuf bool) {
	size := int64(len(spans))
	if f.waiting.Add(size) > forwardBytes {
		f.waiting.Add(-size)
		f.drop(app, environment, "queue full")
		return
	}
	one := forwarded{app: strings.Clone(app), environment: strings.Clone(environment), spans: bytes.Clone(spans), protobuf: protobuf}
	select {
	case f.queue <- one:
	default:
		f.waiting.Add(-size)
		f.drop(app, environment, "queue full")
	}
}

func (f *Forwarder) drop(app, environment, reason string) {
	f.counters.Add(app, environment, "forward_dropped", reason, 1)
	f.spans.WithLabelValues("dropped").Inc()
}

// Run sends what is queued until the context ends; what waits then is dropped.
func (f *Forwarder) Run(ctx context.Context) {
	done := make(chan struct{})
	for range forwardSenders {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-ctx.Done():
					return
				case one := <-f.queue:
					f.send(ctx, one)
					f.waiting.Add(-int64(len(one.spans)))
				}
			}
		}()
	}
	for range forwardSenders {
		<-done
	}
	for len(f.queue) > 0 {
		one := <-f.queue
		f.drop(one.app, one.environment, "stopped")
	}
}

// send tries until the trace store takes it, for a while, as the OTLP specification has it: again after 429, 502, 503
// and 504 and when nobody answers, never after another refusal.
func (f *Forwarder) send(ctx context.Context, one forwarded) {
	body, err := scrubbedSpans(one.spans, one.protobuf)
	if err != nil {
		f.drop(one.app, one.environment, "undecodable")
		return
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, f.post(ctx, body) },
		backoff.WithMaxElapsedTime(forwardFor))
	if err != nil {
		f.logger.Warn("spans were not forwarded", "error", err)
		f.drop(one.app, one.environment, "not taken")
		return
	}
	f.counters.Add(one.app, one.environment, "forwarded", "", 1)
	f.spans.WithLabelValues("sent").Inc()
}

func (f *Forwarder) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.endpoint, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	r.Header.Set("Content-Type", mediaProtobuf)
	r.Header.Set("Content-Encoding", "gzip")
	answer, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 512))
	err = fmt.Errorf("forward traces: %s answered %s: %s", f.named, answer.Status, bytes.TrimSpace(said))
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, bad := strconv.Atoi(answer.Header.Get("Retry-After")); bad == nil {
			return errors.Join(err, backoff.RetryAfter(seconds))
		}
		return err
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return err
	default:
		return backoff.Permanent(err)
	}
}

// scrubbedSpans are spans as they came, without what must not be stored: a trace store is one, too.
func scrubbedSpans(spans []byte, protobuf bool) ([]byte, error) {
	decode, shape := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces, checkNesting
	if protobuf {
		decode, shape = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces, protoTraces.checkNesting
	}
	if err := shape(spans); err != nil {
		return nil, err
	}
	traces, err := decode(spans)
	if err != nil {
		return nil, fmt.Errorf("forward traces: %w", err)
	}
	scrubTraces(traces)
	encoded, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		return nil, fmt.Errorf("forward traces: %w", err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(encoded); err != nil {
		return nil, fmt.Errorf("forward traces: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("forward traces: %w", err)
	}
	return packed.Bytes(), nil
}
