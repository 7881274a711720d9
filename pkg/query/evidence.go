package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// evidence puts together what somebody on call would look up first about a segment and a time: since when it fails,
// what went out around then, how often its API calls fail, which errors it meets, which endpoint is slow and whether
// that is the server, whom it affects, and one visit to look at. Everything is compared with the window before (or with
// what the query compares with) and with the same time yesterday.
//
// The segment is the query's filters, of which each table takes those it has a dimension for, and the dimensions it
// groups by. As a table it is a fact a row. As numbers, for the annotations of alert rules, each fact's words stand
// beside its number as labels: {"metric": "deploys"} asks for one fact, whose labels a rule's text can quote as
// {{ $values.D.Labels.release }}. The labels contain the segment's own, which is how Grafana finds the alert they
// belong to. A fact always has a number, if only 0: a rule with a query that returns nothing is "no data" as a whole.
// Two facts are told only to rules: the top one of the errors, of which there are several otherwise, and the minutes
// since the last deploy.
func askEvidence(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	for _, d := range q.groups {
		if _, err := dimensionByKey(tableViews, d.key); err != nil {
			return nil, badRequest("evidence groups by what views, requests and errors have in common, which %s is not: "+
				"filter on it", d.key)
		}
	}
	spans, err := q.evidenceSpans(ctx, conn)
	if err != nil {
		return nil, err
	}
	e := &evidenceOf{question: q, spans: spans, segments: map[string]*segmentEvidence{}}
	if len(q.groups) == 0 {
		e.of(nil) // there is always one: nothing found is evidence too
	}
	for _, read := range e.reads() {
		if err := read(ctx, conn); err != nil {
			return nil, err
		}
	}
	if err := e.readSegmentViews(ctx, conn); err != nil {
		return nil, err
	}
	segments, cut := e.ranked()
	e.leaveFewSegments(segments)
	var frame *data.Frame
	if q.Format == formatNumeric {
		frame = e.numeric(segments)
	} else {
		frame = e.table(segments)
	}
	if cut {
		frame.AppendNotices(q.cutNotice("segments"))
	}
	return data.Frames{frame}, nil
}

// reads are what has to be read for the facts in question: rules ask for one fact at a time, every minute. Whom the
// segments affect is always read, as their order depends on it.
func (e *evidenceOf) reads() []func(context.Context, driver.Conn) error {
	all := []func(context.Context, driver.Conn) error{e.readAffected, e.readVisitors}
	switch e.Metric {
	case factOnset:
		return append(all, e.readOnsets)
	case factDeploys:
		return append(all, e.readOnsets, e.readDeploys)
	case factLastDeploy:
		return append(all, e.readLastDeploys)
	case factErrorRate, factSlowest:
		return append(all, e.readRequests)
	case factBackend:
		return append(all, e.readRequests, e.readPhases)
	case factErrors, factTopError:
		return append(all, e.readErrors)
	case factSessions, factTrace:
		return all
	default:
		return []func(context.Context, driver.Conn) error{
			e.readOnsets, e.readRequests, e.readPhases, e.readErrors, e.readAffected, e.readVisitors, e.readDeploys,
		}
	}
}

// The facts, in the order in which they are told. A query's metric chooses one.
const (
	factOnset     = "onset"
	factDeploys   = "deploys"
	factErrorRate = "errorRate"
	factErrors    = "errors"
	factSlowest   = "slowest"
	factBackend   = "backend"
	factSessions  = "sessions"
	factTrace     = "trace"
)

var evidenceFacts = []string{factOnset, factDeploys, factErrorRate, factErrors, factSlowest, factBackend, factSessions,
	factTrace}

// Facts for alert rules, which are told only to those who name them. Which of several rows an annotation would quote is
// left to chance, so that there is one of each.
const (
	factTopError   = "topError"   // the first of errors
	factLastDeploy = "lastDeploy" // of the segment's release where the query groups by it, else of any
)

var evidenceMetrics = append(evidenceFacts[:len(evidenceFacts):len(evidenceFacts)], factTopError, factLastDeploy)

// Sections of the evidence as numbers are the labels that they have. An alert whose labels say more than the evidence
// can group by (an error group) takes numbers whose labels are all among its own.
const (
	sectionWords   = "words"   // the segment, and the words of each fact
	sectionNumbers = "numbers" // the segment alone
)

var evidenceSections = []string{sectionWords, sectionNumbers}

// spans are the three times that evidence compares: now is the query's time range.
type spans struct{ now, before, yesterday window }

// evidenceSpans are as the query says. Compared with a deploy, before is as long a time as now that ends with the last
// deploy.
func (q *question) evidenceSpans(ctx context.Context, conn driver.Conn) (spans, error) {
	const day = 24 * time.Hour
	s := spans{now: q.window, before: q.window.before(),
		yesterday: window{from: q.window.from.Add(-day), to: q.window.to.Add(-day)}.clamped()}
	if !q.baseline.empty() {
		s.before = q.baseline
	}
	if q.Compare.word != compareDeploy {
		return s, nil
	}
	last, err := q.appDeploys(ctx, conn, window{from: firstMoment, to: q.window.to}, 1)
	if err == nil && len(last) > 0 {
		s.before = window{from: last[0].at.Add(-q.window.length()), to: last[0].at}.clamped()
		q.baseline = s.before
	}
	return s, err
}

// hull is the time from the first to the last moment of all three.
func (s spans) hull() window {
	w := s.now
	for _, other := range []window{s.before, s.yesterday} {
		if other.empty() {
			continue
		}
		if other.from.Before(w.from) {
			w.from = other.from
		}
		if other.to.After(w.to) {
			w.to = other.to
		}
	}
	return w
}

// inSpans say of each of the three, in a statement that begins with named, whether an event falls into it.
var inSpans = [3]string{"in_now", "in_before", "in_yesterday"}

// inAnySpan leaves out what lies between them. They may overlap.
const inAnySpan = "(in_now OR in_before OR in_yesterday)"

// named gives the conditions their names.
func (s spans) named(to *statement) string {
	named := make([]string, 0, len(inSpans))
	for i, w := range []window{s.now, s.before, s.yesterday} {
		named = append(named, fmt.Sprintf("(ts >= %s AND ts < %s) AS %s", to.moment(inSpans[i]+"_from", w.from),
			to.moment(inSpans[i]+"_to", w.to), inSpans[i]))
	}
	return "WITH " + strings.Join(named, ",\n  ")
}

// threefold is a number in each of the three.
type threefold [3]float64

// evidenceOf is the question with what is found out about each segment.
type evidenceOf struct {
	*question
	spans    spans
	segments map[string]*segmentEvidence
}

type segmentEvidence struct {
	key       []string
	onset     time.Time // zero when nothing set in
	deploys   []deploy  // the nearest first
	last      deploy    // for factLastDeploy; without a time there is none
	requests  endpointEvidence
	failing   endpointEvidence // the endpoint that fails most
	slowest   endpointEvidence
	phases    phaseEvidence
	errors    threefold // in all, by weight
	groups    []groupEvidence
	affected  threefold // sessions with an error or a failed request, by weight
	visitors  threefold // all sessions that viewed anything
	sessionID string
	traceID   string

	views, hit [3]uint64 // page views, and those that met an error or a failed request: below a threshold of them only
	onsetFew   bool      // too few met any
	groupsFew  bool      // some error groups were met by too few
}

// endpointEvidence is about the API calls to one endpoint, or to all.
type endpointEvidence struct {
	name    string
	calls   threefold // unweighted: how much there is to go by
	rate    threefold // of failures, 0 … 1, by weight
	p75     threefold // ms
	server  float64   // the server's share of the time now, 0 … 1, by its Server-Timing
	timed   float64   // calls now that say what the server took
	failure float64   // failures now, by weight
}

// phaseEvidence is where the time of page loads goes, of those whose Server-Timing says what the server took. What is
// left of the time to the last byte is the network's, and the rest the browser's. Shares are of the time by weight.
type phaseEvidence struct {
	loads                    threefold // unweighted
	took                     threefold // ms on average
	server, network, browser threefold // 0 … 1
}

// groupEvidence is an error group.
type groupEvidence struct {
	fingerprint, errorType, message string
	count                           threefold // by weight
}

func (e *evidenceOf) of(key []string) *segmentEvidence {
	name := strings.Join(key, "\x00")
	if e.segments[name] == nil {
		e.segments[name] = &segmentEvidence{key: key}
	}
	return e.segments[name]
}

// ranked are the segments by whom they affect, the worst first.
func (e *evidenceOf) ranked() (top []*segmentEvidence, cut bool) {
	for _, s := range e.segments {
		top = append(top, s)
	}
	slices.SortFunc(top, func(a, b *segmentEvidence) int {
		switch {
		case a.affected[0] != b.affected[0]:
			if a.affected[0] > b.affected[0] {
				return -1
			}
			return 1
		default:
			return slices.Compare(a.key, b.key)
		}
	})
	if len(top) > e.limit() {
		return top[:e.limit()], true
	}
	return top, false
}
