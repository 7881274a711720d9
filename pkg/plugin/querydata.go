package plugin

import (
	"context"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/concurrent"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
)

// defaultConcurrency is Grafana's own default of concurrent_query_count, and the most the SDK allows.
const defaultConcurrency = 10

// QueryData answers all queries of a panel, rule or Explore pane, each under its own refId: one that fails leaves the
// others alone. They run side by side, as many as Grafana's concurrent_query_count says.
func (i *Instance) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	caller := i.settings.caller(req.PluginContext.User, markedFromAlert(req.Headers))

	answer := func(ctx context.Context, q concurrent.Query) backend.DataResponse {
		ctx, span := tracing.DefaultTracer().Start(ctx, "sightline query", trace.WithAttributes(
			attribute.String("sightline.ref_id", q.DataQuery.RefID),
		))
		defer span.End()

		response := i.answer(ctx, caller, q.DataQuery)
		if response.Error != nil {
			// The error's text may quote a filter's value, and is in the log.
			span.SetStatus(codes.Error, "")
			span.SetAttributes(
				semconv.ErrorTypeKey.String(strconv.Itoa(int(response.Status))),
				attribute.String("sightline.error_source", string(response.ErrorSource)))
			backend.Logger.FromContext(ctx).Debug("Query failed",
				"refId", q.DataQuery.RefID, "queryType", q.DataQuery.QueryType,
				"status", int(response.Status), "errorSource", string(response.ErrorSource), "error", response.Error)
		}
		return response
	}
	return concurrent.QueryData(ctx, req, answer, concurrency(ctx))
}

func concurrency(ctx context.Context) int {
	count, err := config.GrafanaConfigFromContext(ctx).ConcurrentQueryCount()
	if err != nil || count < 1 {
		return defaultConcurrency
	}
	return min(count, defaultConcurrency)
}
