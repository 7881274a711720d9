package plugin

import (
	"context"
	"errors"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/query"
)

// answer answers one query, or says why the settings do not allow any. Every error leaves with a status and with who is
// to blame, because Grafana's own metrics and alerts on data sources read both.
func (i *Instance) answer(ctx context.Context, caller query.Caller, q backend.DataQuery) backend.DataResponse {
	if i.invalid != nil {
		// Wrong settings are the operator's to fix, so they count as downstream, not as a fault of the plugin.
		return backend.DataResponse{
			Status:      backend.StatusBadRequest,
			ErrorSource: backend.ErrorSourceDownstream,
			Error:       backend.DownstreamErrorf("data source settings: %w", i.invalid),
		}
	}
	return labelled(ctx, i.runner.Answer(ctx, caller, q))
}

// labelled fills in the status and source of an error that came without.
func labelled(ctx context.Context, r backend.DataResponse) backend.DataResponse {
	if r.Error == nil {
		return r
	}
	stopped := ctx.Err() != nil || errors.Is(r.Error, context.Canceled) || errors.Is(r.Error, context.DeadlineExceeded)
	if r.ErrorSource == "" {
		if stopped || backend.IsDownstreamHTTPError(r.Error) {
			r.ErrorSource = backend.ErrorSourceDownstream
			r.Error = backend.DownstreamErrorf("%w", r.Error)
		} else {
			r.ErrorSource = backend.ErrorSourcePlugin
			r.Error = backend.PluginErrorf("%w", r.Error)
		}
	}
	if !r.Status.IsValid() {
		switch {
		case stopped:
			r.Status = backend.StatusTimeout
		case r.ErrorSource == backend.ErrorSourceDownstream:
			r.Status = backend.StatusBadGateway
		default:
			r.Status = backend.StatusInternal
		}
	}
	return r
}
