package query

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// refusal is a question we do not answer, with the status that says why.
type refusal struct {
	status backend.Status
	text   string
}

func (r refusal) Error() string { return r.text }

func badRequest(format string, args ...any) error {
	return refusal{backend.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) error {
	return refusal{backend.StatusForbidden, fmt.Sprintf(format, args...)}
}

// ClickHouse's error codes that have a remedy: src/Common/ErrorCodes.cpp.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
	codeTooManyRows     = 158
	codeTimeout         = 159
	codeReadonly        = 164
	codeUnknownUser     = 192
	codeWrongPassword   = 193
	codeMemory          = 241
	codeTooManyBytes    = 307
	codeTooManyResults  = 396
	codeRegexp          = 427
	codeAccessDenied    = 497
	codeAuthentication  = 516
)

// response turns an error into what Grafana shows: our refusals as they are, the store's with what to do next.
func (q *question) response(err error) backend.DataResponse {
	var refused refusal
	if errors.As(err, &refused) {
		return backend.DataResponse{Error: backend.PluginErrorf("%s", refused.text), Status: refused.status,
			ErrorSource: backend.ErrorSourcePlugin}
	}
	status, hint := q.diagnose(err)
	if hint != "" {
		err = fmt.Errorf("%s: %w", hint, err)
	}
	return backend.DataResponse{Error: backend.DownstreamError(err), Status: status,
		ErrorSource: backend.ErrorSourceDownstream}
}

func (q *question) diagnose(err error) (backend.Status, string) {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		switch exception.Code {
		case codeTimeout:
			return backend.StatusTimeout, fmt.Sprintf(
				"the store took longer than %s (maxExecutionSeconds): shorten the time range or group by less",
				q.limits.MaxExecutionTime)
		case codeTooManyRows, codeTooManyBytes, codeTooManyResults:
			return backend.StatusBadRequest, fmt.Sprintf(
				"the question reads more than %d rows (maxRowsRead): shorten the time range or add a filter",
				q.limits.MaxRowsRead)
		case codeMemory:
			return backend.StatusBadRequest, fmt.Sprintf(
				"the question needs more than %d MB (maxMemoryMB): shorten the time range or group by less",
				q.limits.MaxMemoryBytes>>20)
		case codeRegexp:
			return backend.StatusBadRequest, "the store cannot compile a filter's regular expression (RE2 syntax)"
		case codeUnknownTable, codeUnknownDatabase:
			return backend.StatusBadGateway, "the store's tables are missing or of another version: run `sightline migrate`, or " +
				"save and test the data source, which says which of the two is older"
		case codeUnknownUser, codeWrongPassword, codeAuthentication:
			return backend.StatusUnauthorized, "the store refused the data source's username and password"
		case codeReadonly, codeAccessDenied:
			return backend.StatusBadGateway,
				"the store's user may not do this: it needs SELECT on the tables and readonly = 2 (or 0)"
		}
		return backend.StatusBadGateway, ""
	}
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return backend.StatusTimeout, "the question was given up before the store answered"
	case errors.As(err, &network):
		return backend.StatusBadGateway, "cannot reach the store: is it running at the data source's address?"
	}
	return backend.StatusBadGateway, ""
}
