package ingest

import (
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// told remembers what clients have reported lately, because Faro reports some things twice, seconds apart and in
// different beacons, and each must be counted once:
//
//   - A traced fetch or XHR is sent as a span and again as an event. Both carry the span id; the first one counts.
//   - The same fetch is also sent as a resource timing, a second before its span. The span has the trace, method and
//     status, so it is the one that counts; the timing's phases, sizes and page view are added to it. Whether a
//     request will be told by a span cannot be seen from its timing. It is learned from the app's spans, endpoint by
//     endpoint, so the first call of an endpoint after a start may be counted twice, unless the config says that
//     the app is traced. Our own agent tells a call once, with its timing: what it traces says nothing of Faro's.
//   - A route change is reported by the router integration and by Faro's own observation of the URL.
//
// The memory is bounded and is lost with the process, at the price of those few doubles.
type told struct {
	traced    map[string]bool     // apps whose config says that every fetch and XHR is told by a span
	headersTo map[string][]string // by app, the other hosts its tracing sends its header to; not configured: any
	spans     *lru.Cache[spanKey, struct{}]
	endpoints *lru.Cache[string, int64]
	timings   *lru.Cache[string, rum.Request]
	resources *lru.Cache[string, int64]
	loads     *lru.Cache[string, pageLoad] // the last of each session

	mu      sync.Mutex
	changes *lru.Cache[string, routeChange]
	clicks  *lru.Cache[string, int64]
	shifts  *lru.Cache[string, float64]
}

type spanKey struct{ trace, span string }

type routeChange struct {
	path string
	ts   int64
}

const (
	toldSpans     = 32 << 10
	toldEndpoints = 8 << 10
	toldTimings   = 8 << 10
	toldSessions  = 16 << 10

	// agentSDK is the SDK that our own agent says it is, before its version.
	agentSDK = "sightline-agent/"

	// tracedFor is how long an endpoint counts as traced after its last span.
	tracedFor = 24 * time.Hour

	// sameRequest is how far apart two clocks of one browser may see the same request begin: resource timing has the
	// start of the fetch, tracing the end by the wall clock less its duration.
	sameRequest = time.Second

	// sameRouteChange is the longest that Faro waits for a page to come to rest.
	sameRouteChange = 12 * time.Second
)

func newTold(traced map[string]bool) *told {
	// A cache's constructor fails only for a size below 1.
	spans, _ := lru.New[spanKey, struct{}](toldSpans)
	endpoints, _ := lru.New[string, int64](toldEndpoints)
	timings, _ := lru.New[string, rum.Request](toldTimings)
	changes, _ := lru.New[string, routeChange](toldSessions)
	resources, _ := lru.New[string, int64](toldTimings)
	loads, _ := lru.New[string, pageLoad](toldSessions)
	clicks, _ := lru.New[string, int64](toldSessions)
	shifts, _ := lru.New[string, float64](toldSessions)
	return &told{traced: traced, spans: spans, endpoints: endpoints, timings: timings, changes: changes,
		resources: resources, loads: loads, clicks: clicks, shifts: shifts}
}

// sent says whether a span's trace id can have reached the server. Tracing makes a span for every call and tells its id
// of all of them, but browsers let it send the header to other hosts only where the site says so.
func (t *told) sent(c *rum.Context, r *rum.Request) bool {
	hosts, configured := t.headersTo[c.App]
	page, _ := hostAndPath(c.PageURL)
	if !configured || page == "" || r.Host == "" || r.Host == page {
		return true
	}
	bare, _, _ := strings.Cut(r.Host, ":")
	return slices.ContainsFunc(hosts, func(host string) bool {
		return r.Host == host || bare == host || strings.HasSuffix(bare, "."+host)
	})
}

func keyOfSpan(i *rum.Item) (spanKey, bool) {
	return spanKey{trace: i.TraceID, span: i.SpanID}, i.TraceID != "" && i.SpanID != ""
}

// span says whether a span was told before, and remembers it.
func (t *told) span(key spanKey) bool {
	if t.spans.Contains(key) {
		return true
	}
	before, _ := t.spans.ContainsOrAdd(spanKey{trace: strings.Clone(key.trace), span: strings.Clone(key.span)}, struct{}{})
	return before
}

// forget takes spans back whose beacon could not be kept: the client may send it again.
func (t *told) forget(keys []spanKey) {
	for _, key := range keys {
		t.spans.Remove(key)
	}
}

// request notes that an endpoint is traced, and adds to the span's request what its timing said, if that came first.
func (t *told) request(c *rum.Context, r *rum.Request) {
	if strings.HasPrefix(c.SDK, agentSDK) {
		return
	}
	t.endpoints.Add(endpointKey(c, r), r.TS)
	key := timingKey(c, r)
	timing, ok := t.timings.Get(key)
	if !ok || abs(timing.TS-r.TS) > sameRequest.Milliseconds() {
		return
	}
	t.timings.Remove(key)
	if r.ViewID == "" {
		r.ViewID = timing.ViewID
	}
	if r.Status == 0 && r.Failure == "" {
		r.Status = timing.Status
	}
	if r.ActionID == "" {
		r.ActionID = timing.ActionID
	}
	if r.RequestID == "" {
		r.RequestID = timing.RequestID
	}
	if timing.TraceID != "" { // of the response's Server-Timing: what the server knows the request by
		adoptTrace(&r.Item, timing.TraceID, timing.SpanID, timing.Unsampled)
	}
	if timing.Server > 0 {
		r.Server = timing.Server
	}
	r.DNS, r.TCP, r.TLS = timing.DNS, timing.TCP, timing.TLS
	r.Wait, r.Response = timing.Wait, timing.Response
	r.TransferSize, r.EncodedSize, r.DecodedSize = timing.TransferSize, timing.EncodedSize, timing.DecodedSize
	r.Cache, r.Protocol, r.RenderBlocking = timing.Cache, timing.Protocol, timing.RenderBlocking
}

// timing says whether the request of a resource timing is, or will be, told by a span. Its details are kept for it.
func (t *told) timing(c *rum.Context, r *rum.Request) bool {
	seen, known := t.endpoints.Get(endpointKey(c, r))
	if !t.traced[c.App] && (!known || r.TS-seen > tracedFor.Milliseconds()) {
		return false
	}
	kept := *r
	kept.ViewID, kept.Cache, kept.Protocol = strings.Clone(r.ViewID), strings.Clone(r.Cache), strings.Clone(r.Protocol)
	kept.Kind, kept.Method, kept.Host, kept.Path, kept.Attributes = "", "", "", "", nil
	kept.ActionID, kept.RequestID = strings.Clone(r.ActionID), strings.Clone(r.RequestID)
	kept.TraceID, kept.SpanID = strings.Clone(r.TraceID), strings.Clone(r.SpanID)
	t.timings.Add(timingKey(c, r), kept)
	return true
}

// resource says whether a resource was told by another of OpenTelemetry's instrumentations, document-load's spans or the
// resource timing events. The same one may well report the same resource again: it was asked for again.
func (t *told) resource(c *rum.Context, r *rum.Request, from source) bool {
	if c.SessionID == "" {
		return false
	}
	key := timingKey(c, r)
	other := sourceResourceSpan
	if from == sourceResourceSpan {
		other = sourceTiming
	}
	if ts, ok := t.resources.Get(key + "\x00" + tellers[other]); ok && abs(ts-r.TS) <= sameRequest.Milliseconds() {
		t.resources.Remove(key + "\x00" + tellers[other])
		return true
	}
	t.resources.Add(key+"\x00"+tellers[from], r.TS)
	return false
}

var tellers = map[source]string{sourceTiming: "timing", sourceSpan: "span", sourceResourceSpan: "resource span"}

// click says whether another instrumentation has told of the session's click, and remembers it.
func (t *told) click(app, session string, ts int64, teller, other string) bool {
	if session == "" {
		return false
	}
	key := app + "\x00" + session + "\x00"
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.clicks.Get(key + other); ok && abs(before-ts) <= sameRequest.Milliseconds() {
		return true
	}
	t.clicks.Add(key+teller, ts)
	return false
}

// shift adds to the layout shift of a page that boomerang tells piece by piece, and returns the sum so far.
func (t *told) shift(page string, score float64) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum, _ := t.shifts.Get(page)
	t.shifts.Add(strings.Clone(page), sum+score)
	return sum + score
}

func endpointKey(c *rum.Context, r *rum.Request) string {
	return c.App + "\x00" + c.Environment + "\x00" + c.Release + "\x00" + r.Host + enrich.Template(r.Path)
}

func timingKey(c *rum.Context, r *rum.Request) string {
	return c.App + "\x00" + c.SessionID + "\x00" + r.Host + r.Path
}

// routeChange says whether the session's change to this path was told a moment ago, and remembers it.
func (t *told) routeChange(c *rum.Context, path string, ts int64) bool {
	if c.SessionID == "" {
		return false
	}
	key := c.App + "\x00" + c.SessionID
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.changes.Get(key)
	if ok && last.path == path && abs(ts-last.ts) <= sameRouteChange.Milliseconds() {
		return true
	}
	t.changes.Add(key, routeChange{path: strings.Clone(path), ts: ts})
	return false
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
