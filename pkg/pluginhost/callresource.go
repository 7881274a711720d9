package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// CallResource calls one of the plugin's HTTP-like resources and returns the whole response. A plugin may stream its
// body in pieces; the status and headers come with the first.
func (h *Host) CallResource(ctx context.Context, req *backend.CallResourceRequest) (*backend.CallResourceResponse, error) {
	stream, err := h.resource.CallResource(ctx, backend.ToProto().CallResourceRequest(req))
	if err != nil {
		return nil, fmt.Errorf("call resource %s: %w", req.Path, err)
	}
	var whole *backend.CallResourceResponse
	for {
		part, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && whole != nil:
			return whole, nil
		case err != nil:
			return nil, fmt.Errorf("call resource %s: %w", req.Path, err)
		}
		piece := backend.FromProto().CallResourceResponse(part)
		if whole == nil {
			whole = piece
		} else {
			whole.Body = append(whole.Body, piece.Body...)
		}
	}
}
