package ingest

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// locate takes country and region from where a request came from. The address is used for nothing else, and is part of
// nothing that is kept.
func (s *Server) locate(c *rum.Context, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return
	}
	s.pipeline.Locate(c, r.Header, peer.Addr())
}

// sentAt is when a client says it sent a beacon, by its own clock, in Unix milliseconds: in a header, or where there can
// be none, as with navigator.sendBeacon, in the query. 0 when it does not say.
func sentAt(r *http.Request) int64 {
	text := r.Header.Get("X-Sightline-Sent-At")
	if text == "" && r.URL.RawQuery != "" {
		text = r.URL.Query().Get("sent_at")
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || enrich.Absurd(time.Now().UnixMilli(), ms) {
		return 0
	}
	return ms
}
