package plugin

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"

	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// collector is an OTLP receiver over gRPC, as Grafana's tracing settings name one.
type collector struct {
	ptraceotlp.UnimplementedGRPCServer
	address string

	mu     sync.Mutex
	spans  []ptrace.Span
	traces []ptrace.Traces
}

func startCollector(t *testing.T) *collector {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &collector{address: listener.Addr().String()}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return c
}

func (c *collector) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traces = append(c.traces, request.Traces())
	for _, resource := range request.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				c.spans = append(c.spans, span)
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

// named are the spans received so far whose name begins so.
func (c *collector) named(prefix string) (found []ptrace.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if strings.HasPrefix(span.Name(), prefix) {
			found = append(found, span)
		}
	}
	return found
}

// said is all that was received, as text.
func (c *collector) said(t *testing.T) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all strings.Builder
	for _, traces := range c.traces {
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// The plugin is started with the variables that Grafana gives it when its own tracing is on.
func TestQuestionsAndTheirStatementsAreTraced(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	to := startCollector(t)
	traced, err := pluginhost.Start(t.Context(), binary, pluginhost.Options{Env: []string{
		"GF_INSTANCE_OTLP_ADDRESS=" + to.address, "GF_INSTANCE_OTLP_PROPAGATION=w3c",
		"GF_INSTANCE_OTLP_SAMPLER_TYPE=const", "GF_INSTANCE_OTLP_SAMPLER_PARAM=1",
	}})
	require.NoError(t, err)
	defer traced.Stop()

	const filter = `"filters":[{"key":"browser","operator":"=","values":["Netscape Of Somebody"]}]`
	answers, err := traced.QueryData(t.Context(), request(as("Admin", dataSource(t, database, nil)), nil, map[string]string{
		"good":  `{"queryType":"vitals","app":"shop","metric":"lcp","format":"table","groupBy":["route"]}`,
		"empty": `{"queryType":"vitals","app":"shop","metric":"lcp","format":"table",` + filter + `}`,
		"wrong": `{"queryType":"vitals","app":"shop","metric":"a-timing-of-somebody","format":"table"}`,
		"never": `{"queryType":"Question Of Somebody","app":"shop"}`,
	}))
	require.NoError(t, err)
	require.NoError(t, answers.Responses["good"].Error)
	require.Error(t, answers.Responses["wrong"].Error)
	require.Error(t, answers.Responses["never"].Error)

	// Spans are sent in batches, every five seconds.
	require.Eventually(t, func() bool { return len(to.named("sightline query")) == 4 }, time.Minute, 50*time.Millisecond)
	questions := map[string]ptrace.Span{}
	for _, span := range to.named("sightline query") {
		questions[text(span, "sightline.ref_id")] = span
	}
	good := questions["good"]
	require.Equal(t, "vitals", text(good, "sightline.query_type"))
	require.Equal(t, "shop", text(good, "sightline.app"))
	require.Equal(t, "table", text(good, "sightline.format"))
	require.Equal(t, "1", text(good, "sightline.rows"))
	require.Equal(t, ptrace.StatusCodeUnset, good.Status().Code())
	require.Equal(t, ptrace.StatusCodeError, questions["wrong"].Status().Code())
	require.Equal(t, "400", text(questions["never"], "error.type"))
	require.Empty(t, text(questions["never"], "sightline.query_type"))

	var statements []ptrace.Span
	for _, span := range to.named("SELECT ") {
		if span.ParentSpanID() == good.SpanID() {
			statements = append(statements, span)
		}
	}
	require.NotEmpty(t, statements, "each statement is a child of its question")
	host, port, err := net.SplitHostPort(access.Address)
	require.NoError(t, err)
	for _, statement := range statements {
		require.Equal(t, ptrace.SpanKindClient, statement.Kind())
		require.Equal(t, "SELECT vitals", statement.Name())
		for key, want := range map[string]string{
			"db.system.name": "clickhouse", "db.namespace": database, "db.collection.name": "vitals",
			"db.operation.name": "SELECT", "db.query.summary": "SELECT vitals", "server.address": host, "server.port": port,
		} {
			require.Equal(t, want, text(statement, key), key)
		}
		require.Contains(t, text(statement, "db.query.text"), "{app:String}")
		require.NotEmpty(t, text(statement, "db.response.returned_rows"))
	}
	require.NotContains(t, to.said(t), "Somebody", "values of filters stay out of traces, and texts that quote them")
	require.NotContains(t, to.said(t), "of-somebody")
}

func TestAnErrorOfTheStoreIsItsCodeInTheTrace(t *testing.T) {
	_, database := emptyStore(t)
	to := startCollector(t)
	traced, err := pluginhost.Start(t.Context(), binary, pluginhost.Options{Env: []string{
		"GF_INSTANCE_OTLP_ADDRESS=" + to.address, "GF_INSTANCE_OTLP_PROPAGATION=w3c",
		"GF_INSTANCE_OTLP_SAMPLER_TYPE=const", "GF_INSTANCE_OTLP_SAMPLER_PARAM=1",
	}})
	require.NoError(t, err)
	defer traced.Stop()
	source := dataSource(t, database, nil)
	answers, err := traced.QueryData(t.Context(), request(as("Admin", source), nil, map[string]string{
		"A": `{"queryType":"errors","app":"shop","format":"table"}`,
	}))
	require.NoError(t, err)
	require.Error(t, answers.Responses["A"].Error)
	_, err = traced.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: as("Admin", source)})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(to.named("SELECT ")) > 0 && len(to.named("sightline health")) > 0 },
		time.Minute, 50*time.Millisecond)
	failed := to.named("SELECT ")[0]
	require.Equal(t, ptrace.StatusCodeError, failed.Status().Code())
	require.Empty(t, failed.Status().Message())
	require.Contains(t, []string{"60", "81"}, text(failed, "error.type"), "no such table, or no such database")
	require.Equal(t, text(failed, "error.type"), text(failed, "db.response.status_code"))
}

func text(span ptrace.Span, key string) string {
	value, ok := span.Attributes().Get(key)
	if !ok {
		value = pcommon.NewValueStr("")
	}
	return value.AsString()
}
