package ingest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// requestHeader is where an answer says the id of its request, for a proxy's log: nginx has it as
// $upstream_http_x_request_id. A client's own header of that name is not looked at, as it could hold anything.
const requestHeader = "X-Request-Id"

// requestIDs names requests: a word for this process, and a number. They name no visitor, and none is used twice.
type requestIDs struct {
	process string
	last    *atomic.Uint64
}

func newRequestIDs() requestIDs {
	return requestIDs{process: strings.ToLower(rand.Text()[:8]) + "-", last: &atomic.Uint64{}}
}

// nameRequest gives a request its id. The answer's header is where it is kept: whoever answers has that at hand.
func (s *Server) nameRequest(w http.ResponseWriter) {
	w.Header()[requestHeader] = []string{s.requests.process + strconv.FormatUint(s.requests.last.Add(1), 36)}
}

func requestID(w http.ResponseWriter) string {
	if named := w.Header()[requestHeader]; len(named) > 0 {
		return named[0]
	}
	return ""
}

// logKept tells of a beacon that is on disk. The same id is in the log when its batch is stored, see package drain.
func (s *Server) logKept(f *format, request string, p *part, items int64) {
	if !s.logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	c := &p.beacon.Context
	s.logger.Debug("a beacon is on disk", "request", request, "format", f.name, "app", c.App, "environment", c.Environment,
		"items", items, "skipped", len(p.skipped))
}

// logRefusal tells of a request that was not taken. What the client is told may quote the beacon, so it is left out.
func (s *Server) logRefusal(w http.ResponseWriter, format string, refused *refusal) {
	if !s.logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	s.logger.Debug("a request was refused", "request", requestID(w), "format", format, "status", refused.status,
		"reason", refused.reason, "rejected", len(refused.rejected))
}
