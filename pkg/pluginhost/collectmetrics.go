package pluginhost

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// CollectMetrics returns the plugin's own metrics in Prometheus' text format, as Grafana scrapes them.
func (h *Host) CollectMetrics(ctx context.Context) ([]byte, error) {
	answer, err := h.diagnostics.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{})
	if err != nil {
		return nil, fmt.Errorf("collect metrics: %w", err)
	}
	return answer.GetMetrics().GetPrometheus(), nil
}
