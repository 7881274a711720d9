package pluginhost

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// QueryData sends queries to the plugin and returns its answers by refId. The Go error is about the call as a whole;
// what went wrong with a single query is in its response.
func (h *Host) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answer, err := h.data.QueryData(ctx, backend.ToProto().QueryDataRequest(req))
	if err != nil {
		return nil, fmt.Errorf("query data: %w", err)
	}
	response, err := backend.FromProto().QueryDataResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("query data: decode the answer: %w", err)
	}
	return response, nil
}
