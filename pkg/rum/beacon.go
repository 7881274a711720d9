package rum

//go:generate go tool msgp -tests=false -io=false
//msgp:clearomitted

// Beacon is the normal form of one accepted payload, whatever format it came in: what its items have in common,
// and the items by kind. It is clean already (scrubbed, no IP address) and is what a spool record holds, encoded
// with MarshalMsg. Fields are named, so a newer sidecar reads an older one's spool and the other way round.
//
// Times are Unix milliseconds, durations milliseconds, sizes bytes. Zero means "not reported".
type Beacon struct {
	ReceivedAt int64      `msg:"rcv"`
	SentAt     int64      `msg:"-"` // by the client's clock, where it said so; used up when the beacon is accepted
	Context    Context    `msg:"ctx"`
	Views      []View     `msg:"vw,omitempty"`
	Vitals     []Vital    `msg:"vt,omitempty"`
	Requests   []Request  `msg:"rq,omitempty"`
	Blocking   []Blocking `msg:"bl,omitempty"`
	Errors     []Error    `msg:"er,omitempty"`
	Actions    []Action   `msg:"ac,omitempty"`
	Events     []Event    `msg:"ev,omitempty"`
}

// Len counts the items of a beacon: the rows it becomes.
func (b *Beacon) Len() int {
	return len(b.Views) + len(b.Vitals) + len(b.Requests) + len(b.Blocking) + len(b.Errors) + len(b.Actions) + len(b.Events)
}

// Earliest is when the first of a beacon's items happened, and no later than when the beacon was received.
func (b *Beacon) Earliest() int64 {
	earliest := b.ReceivedAt
	b.EachItem(func(item *Item) { earliest = min(earliest, item.TS) })
	return earliest
}

// EachItem visits what all kinds of item have in common.
func (b *Beacon) EachItem(visit func(*Item)) {
	for i := range b.Views {
		visit(&b.Views[i].Item)
	}
	for i := range b.Vitals {
		visit(&b.Vitals[i].Item)
	}
	for i := range b.Requests {
		visit(&b.Requests[i].Item)
	}
	for i := range b.Blocking {
		visit(&b.Blocking[i].Item)
	}
	for i := range b.Errors {
		visit(&b.Errors[i].Item)
	}
	for i := range b.Actions {
		visit(&b.Actions[i].Item)
	}
	for i := range b.Events {
		visit(&b.Events[i].Item)
	}
}

// Context is what all items of a beacon share. The first group is known when the beacon is accepted; the second is
// worked out from it when the beacon is drained, before the insert.
type Context struct {
	App         string `msg:"app"`
	Environment string `msg:"env"`
	Release     string `msg:"rel,omitempty"`
	SessionID   string `msg:"sid,omitempty"`
	UserKey     string `msg:"usr,omitempty"` // keyed hash of the site's own user key, never the key
	PageURL     string `msg:"url,omitempty"` // scheme, host and path: query and fragment are gone
	RouteName   string `msg:"rtn,omitempty"` // the name the app gave its route; "" lets the path decide
	UserAgent   string `msg:"ua,omitempty"`
	Brands      string `msg:"brd,omitempty"` // client hints, "Chromium/130, Google Chrome/130"
	Platform    string `msg:"plt,omitempty"`
	Mobile      bool   `msg:"mob,omitempty"`
	Country     string `msg:"cc,omitempty"`  // ISO 3166-1 alpha-2
	Region      string `msg:"reg,omitempty"` // ISO 3166-2 subdivision, without the country
	Connection  string `msg:"con,omitempty"` // effective type: slow-2g, 2g, 3g, 4g
	Language    string `msg:"lng,omitempty"`
	Viewport    string `msg:"vpt,omitempty"` // "1280x720"
	Synthetic   string `msg:"syn,omitempty"` // the name of the tool that says it made this traffic
	Consent     string `msg:"cns,omitempty"`
	Weight      uint32 `msg:"wgt,omitempty"` // thousandths of 1/sample rate; 0 means 1000
	SDK         string `msg:"sdk,omitempty"`

	Attributes map[string]string `msg:"att,omitempty"`

	Browser        string `msg:"-"`
	BrowserVersion string `msg:"-"` // major only
	OS             string `msg:"-"`
	Device         string `msg:"-"` // desktop, mobile, tablet, tv, other
	Traffic        string `msg:"-"` // TrafficReal, TrafficSynthetic or TrafficBot
}

// Item is what every item carries on its own.
type Item struct {
	TS         int64  `msg:"ts"` // when it happened, skew-corrected
	ViewID     string `msg:"vid,omitempty"`
	ActionID   string `msg:"aid,omitempty"` // the action that started it
	TraceID    string `msg:"tid,omitempty"` // 32 lower-case hex digits
	SpanID     string `msg:"spn,omitempty"` // 16 lower-case hex digits
	Unsampled  bool   `msg:"uns,omitempty"` // the trace exists but was not sampled (traceparent ended in -00)
	RequestID  string `msg:"rid,omitempty"` // for sites without tracing, at most 64 safe characters
	Navigation string `msg:"nav,omitempty"` // navigate, reload, back-forward, back-forward-cache, prerender, route-change …

	Attributes map[string]string `msg:"att,omitempty"`

	Route   string `msg:"-"` // stable route name, set when drained
	Journey string `msg:"-"`
}

// View is one page view or route change with its load phases. Each phase is how long it took, not when it ended.
type View struct {
	Item
	Path             string  `msg:"pth,omitempty"`
	Kind             string  `msg:"knd"`           // ViewLoad or ViewRouteChange
	Duration         float32 `msg:"dur,omitempty"` // navigation start to load end, or the time a route change took to settle
	Redirect         float32 `msg:"rdr,omitempty"`
	DNS              float32 `msg:"dns,omitempty"`
	TCP              float32 `msg:"tcp,omitempty"`
	TLS              float32 `msg:"tls,omitempty"`
	Request          float32 `msg:"req,omitempty"` // request sent to first byte
	Response         float32 `msg:"rsp,omitempty"` // first to last byte
	DOM              float32 `msg:"dom,omitempty"` // parsing and processing up to DOM complete
	DOMContentLoaded float32 `msg:"dcl,omitempty"` // its handlers
	Load             float32 `msg:"lod,omitempty"` // the load event's handlers
	TTFB             float32 `msg:"ttf,omitempty"` // navigation start to first byte
	Server           float32 `msg:"srv,omitempty"` // what Server-Timing says the server took
	TransferSize     uint32  `msg:"tsz,omitempty"`
	PreviousViewID   string  `msg:"prv,omitempty"`
}

// Vital is one report of one metric of one view. The same metric is reported again under the same MetricID, and the
// last report wins.
type Vital struct {
	Item
	Metric          string  `msg:"met"` // lcp inp cls fcp ttfb, or a custom timing's name
	MetricID        string  `msg:"mid"`
	ReportedAt      int64   `msg:"rep"`
	Value           float64 `msg:"val"`           // ms; CLS is a unitless score
	Target          string  `msg:"tgt,omitempty"` // the LCP element, the INP target, the largest shift's target
	TargetURL       string  `msg:"tur,omitempty"` // the LCP resource
	InteractionType string  `msg:"ity,omitempty"`
	LoadState       string  `msg:"lds,omitempty"`
	ScriptURL       string  `msg:"sur,omitempty"` // the longest script of a slow interaction
	ScriptInvoker   string  `msg:"siv,omitempty"`
	ScriptFunction  string  `msg:"sfn,omitempty"`

	// Parts are the metric's sub-parts in ms, by their Faro names: element_render_delay, input_delay, …
	Parts map[string]float32 `msg:"prt,omitempty"`

	ThirdParty bool `msg:"-"` // whose the LCP resource or the longest script is, set when drained
}

// Blamed is the address of what a vital's attribution names: the longest script of an interaction, or the resource of
// the largest paint; "" when neither is known.
func (v *Vital) Blamed() string {
	if v.ScriptURL != "" {
		return v.ScriptURL
	}
	return v.TargetURL
}

// Request is one fetch, XMLHttpRequest or resource.
type Request struct {
	Item
	Kind           string  `msg:"knd"` // fetch, xhr, script, css, img, font, iframe, beacon, other …
	Method         string  `msg:"mth,omitempty"`
	Host           string  `msg:"hst,omitempty"`
	Path           string  `msg:"pth,omitempty"` // without query; becomes a template (endpoint) when drained
	ThirdParty     bool    `msg:"tpy,omitempty"`
	Status         uint16  `msg:"sta,omitempty"`
	Failure        string  `msg:"fai,omitempty"` // "", network, abort, timeout or http
	Duration       float32 `msg:"dur,omitempty"`
	DNS            float32 `msg:"dns,omitempty"`
	TCP            float32 `msg:"tcp,omitempty"`
	TLS            float32 `msg:"tls,omitempty"`
	Wait           float32 `msg:"wai,omitempty"` // request sent to first byte
	Response       float32 `msg:"rsp,omitempty"`
	Server         float32 `msg:"srv,omitempty"` // from Server-Timing
	TransferSize   uint32  `msg:"tsz,omitempty"`
	EncodedSize    uint32  `msg:"esz,omitempty"`
	DecodedSize    uint32  `msg:"dsz,omitempty"`
	Cache          string  `msg:"cch,omitempty"` // hit, validated, fullLoad …, as the client says
	RenderBlocking bool    `msg:"rbl,omitempty"`
	Protocol       string  `msg:"pro,omitempty"`

	Endpoint    string `msg:"-"` // path template, set when drained
	CrossOrigin bool   `msg:"-"` // it went to another host than the page's, set when drained
}

// Blocking is one script's share of the main thread in one view (long animation frames, or long tasks).
type Blocking struct {
	Item
	ScriptURL  string  `msg:"sur"`
	Host       string  `msg:"hst,omitempty"`
	ThirdParty bool    `msg:"tpy,omitempty"`
	Invoker    string  `msg:"inv,omitempty"`
	Blocking   float32 `msg:"blk"` // ms beyond what keeps the page responsive
	Duration   float32 `msg:"dur,omitempty"`
	Frames     uint16  `msg:"frm,omitempty"`
}

// Error is one occurrence of an error or a browser report.
type Error struct {
	Item
	Kind        string  `msg:"knd"` // exception, console, resource, csp-violation, network-error, crash, deprecation, intervention
	Type        string  `msg:"typ,omitempty"`
	Message     string  `msg:"msg,omitempty"`
	Handled     bool    `msg:"hdl,omitempty"`
	Fingerprint string  `msg:"fpr,omitempty"` // the client's own; else set when drained
	Frames      []Frame `msg:"frm,omitempty"`

	FingerprintVersion uint8   `msg:"-"` // 0 for a client's own
	Mapped             []Frame `msg:"-"` // frames after source maps, set when drained
}

// Frame is one line of a stack.
type Frame struct {
	Function string `msg:"fn,omitempty"`
	File     string `msg:"fil,omitempty"`
	Line     uint32 `msg:"lin,omitempty"`
	Column   uint32 `msg:"col,omitempty"`
	Module   string `msg:"mod,omitempty"`
}

// Action is one thing a user did. Its own id is in ActionID.
type Action struct {
	Item
	Kind     string  `msg:"knd"` // click, submit, rage, dead, error, custom
	Name     string  `msg:"nam,omitempty"`
	Target   string  `msg:"tgt,omitempty"` // a short selector, never text or a typed value
	Duration float32 `msg:"dur,omitempty"`
}

// Event is what belongs on a session's timeline and in none of the other tables: the session's own life, log lines,
// and an app's custom events.
type Event struct {
	Item
	Kind    string `msg:"knd"` // session, view, log or custom
	Name    string `msg:"nam,omitempty"`
	Level   string `msg:"lvl,omitempty"`
	Message string `msg:"msg,omitempty"`
}

// Kinds of view, of traffic, and of event.
const (
	ViewLoad        = "load"
	ViewRouteChange = "route-change"

	TrafficReal      = "real"
	TrafficSynthetic = "synthetic"
	TrafficBot       = "bot"

	EventSession = "session"
	EventView    = "view"
	EventLog     = "log"
	EventCustom  = "custom"
)

// Overflow is the value a dimension takes once its budget of distinct values is used up.
const Overflow = "__other__"

// FullWeight is the weight of an unsampled beacon, in thousandths.
const FullWeight = 1000

// Deploy is a deploy marker.
type Deploy struct {
	TS          int64  `msg:"ts"`
	App         string `msg:"app"`
	Environment string `msg:"env"`
	Release     string `msg:"rel"`
	Title       string `msg:"ttl,omitempty"`
	URL         string `msg:"url,omitempty"`
}

// Count is one of the pipeline's own counters over one minute.
type Count struct {
	Minute      int64  `msg:"min"` // Unix milliseconds, on the minute
	App         string `msg:"app"`
	Environment string `msg:"env"`
	Counter     string `msg:"cnt"` // accepted, rejected, sampled, bots, overflow …
	Reason      string `msg:"rsn,omitempty"`
	Value       int64  `msg:"val"`
}

// Observed ends the name of the counter that counts how often a gauge was read: the gauge's own counter is the sum of
// what was read. So both can be summed like all others, and their ratio is the mean.
const Observed = "_observed"

// Record is what one spool entry holds: exactly one of a beacon, a deploy marker, or counters.
type Record struct {
	Request string `msg:"r,omitempty"` // the id of the request that brought it, for the log; "" for counters

	Beacon *Beacon `msg:"b,omitempty"`
	Deploy *Deploy `msg:"d,omitempty"`
	Counts []Count `msg:"c,omitempty"`
}
