package query

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// span is one bar of the waterfall.
type span struct {
	id, operation, message string
	parent                 *span
	start, end             time.Time
	failed                 bool
	traceID, requestID     string
	tags                   []keyValue
	logs                   []spanLog
	of                     *happening
}

type keyValue struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// spanLog is an event of a span, at a time in ms since 1970.
type spanLog struct {
	Timestamp float64    `json:"timestamp"`
	Fields    []keyValue `json:"fields"`
}

// spanID is also the id of the log line: the place in the timeline, as the site's own ids may repeat or be missing.
func spanID(kind string, place int) string { return fmt.Sprintf("%s-%d", kind, place+1) }

// waterfall arranges a timeline, which is in order of time, into spans that each come after their parent.
func waterfall(moments []happening) []*span {
	if len(moments) == 0 {
		return nil
	}
	root := &span{id: "session", operation: "session", start: moments[0].at, end: moments[0].at, of: &moments[0],
		tags: []keyValue{}, logs: []spanLog{}}
	w := &tree{spans: []*span{root}, views: map[string]*span{}, actions: map[string]*span{}}
	// Views and actions go first: what happened in a view may carry an earlier time than its start.
	w.each(moments, w.view, kindView)
	w.each(moments, w.leaf, kindAction)
	w.each(moments, w.load, kindView)
	w.each(moments, w.leaf, kindRequest, kindError)
	w.each(moments, w.log, kindVital, kindBlocking, kindEvent)
	slices.SortStableFunc(w.spans[1:], func(a, b *span) int { return a.start.Compare(b.start) })
	return parentsFirst(w.spans)
}

// tree is a waterfall in the making: its spans, the root first, and those that others hang under by their ids.
type tree struct {
	spans          []*span
	views, actions map[string]*span
	inOrder        []*span // the views by start
}

// each hands on what is of the kinds, with its place in the timeline.
func (w *tree) each(moments []happening, add func(*happening, int), kinds ...string) {
	for i := range moments {
		if slices.Contains(kinds, moments[i].kind) {
			add(&moments[i], i)
		}
	}
}

func (w *tree) add(s *span, parent *span) *span {
	s.parent = parent
	s.logs = append([]spanLog{}, s.logs...)
	s.tags = append([]keyValue{}, s.tags...)
	w.spans = append(w.spans, s)
	s.reach(s.end)
	return s
}

// reach makes everything above a span last at least as long.
func (s *span) reach(end time.Time) {
	for ; s != nil; s = s.parent {
		if s.end.Before(end) {
			s.end = end
		}
	}
}

func (s *span) tag(key string, value any) {
	if value != "" && value != 0.0 {
		s.tags = append(s.tags, keyValue{key, value})
	}
}

// view opens a view, or is the same view again.
func (w *tree) view(h *happening, place int) {
	if w.views[h.viewID] != nil && h.viewID != "" {
		return
	}
	s := w.add(&span{id: spanID(kindView, place), operation: "view " + cmp.Or(h.route, h.name), start: h.at, end: h.at,
		of: h}, w.spans[0])
	s.tag("viewId", h.viewID)
	s.tag("route", h.route)
	s.tag("path", h.name)
	s.tag("type", h.state)
	w.views[h.viewID] = s
	w.inOrder = append(w.inOrder, s)
}

// load is how long the view took to come up, as far as that was measured.
func (w *tree) load(h *happening, place int) {
	view := w.above(h)
	if caused := w.actions[h.actionID]; caused != nil {
		view.tag("causedBy", caused.operation)
	}
	if h.value <= 0 && h.traceID == "" {
		return
	}
	operation := "page load"
	if h.state == rum.ViewRouteChange {
		operation = "route change"
	}
	s := w.add(&span{id: spanID("load", place), operation: operation, start: h.at, end: later(h.at, h.value), of: h,
		traceID: h.traceID, requestID: h.requestID}, view)
	s.tag("path", h.name)
	s.tagTrace(h)
}

// leaf is an action, a request or an error, under the action that caused it or else under its view.
func (w *tree) leaf(h *happening, place int) {
	parent := w.above(h)
	if caused := w.actions[h.actionID]; caused != nil && h.kind != kindAction {
		parent = caused
	}
	s := &span{id: spanID(h.kind, place), start: h.at, end: h.at, of: h, traceID: h.traceID, requestID: h.requestID}
	switch h.kind {
	case kindAction:
		s.operation, s.end = h.actionName(), later(h.at, h.value)
		s.failed, s.message = h.frustrated, "frustrated"
		s.tag("actionId", h.actionID)
		s.tag("type", h.state)
		s.tag("target", h.detail)
		if h.actionID != "" {
			w.actions[h.actionID] = s
		}
	case kindRequest:
		s.operation, s.end = h.name, later(h.at, h.value)
		s.failed, s.message = h.failed, h.state
		s.tag("type", h.detail)
		s.tag("status", h.state)
	case kindError:
		s.operation = cmp.Or(h.name, h.state, "error")
		s.failed, s.message = true, h.detail
		s.tag("type", h.state)
		s.tag("message", h.detail)
		s.tag("fingerprint", h.fingerprint)
		fields := []keyValue{{"event", "exception"}, {"exception.type", h.name}, {"exception.message", h.detail}}
		if h.stack != "" {
			fields = append(fields, keyValue{"exception.stacktrace", h.stack})
		}
		s.logs = []spanLog{{unixMilli(h.at), fields}}
	}
	s.tag("route", h.route)
	s.tagTrace(h)
	w.add(s, parent)
}

// log puts what has no length onto the span it belongs to: the action that caused it, or the view.
func (w *tree) log(h *happening, _ int) {
	s, at := w.above(h), h.at
	if caused := w.actions[h.actionID]; caused != nil && (h.kind != kindVital || h.name == "inp") {
		s = caused
	}
	fields := []keyValue{{"event", h.kind}, {"message", h.text()}}
	switch h.kind {
	case kindVital:
		// A paint and the first byte are measured from the start of the page, which is where they are in time.
		if h.name == "lcp" || h.name == "fcp" || h.name == "ttfb" {
			at = later(h.at, h.value)
		}
		if !h.happened.IsZero() {
			at = h.happened
		}
		s.tag(h.name, h.vitalText())
	case kindBlocking:
		fields = append(fields, keyValue{"party", h.state}, keyValue{"invoker", h.detail})
	}
	s.logs = append(s.logs, spanLog{unixMilli(at), fields})
	s.reach(at)
}

// above is the view something happened in: by its id, else by its time; without a view, the session.
func (w *tree) above(h *happening) *span {
	if view := w.views[h.viewID]; view != nil && h.viewID != "" {
		return view
	}
	above := w.spans[0]
	if h.viewID != "" {
		// Its view was not reported, or lies beyond the limit. The items that name it still belong together.
		above = w.add(&span{id: "view " + h.viewID, operation: "view " + h.route, start: h.at, end: h.at, of: h}, above)
		above.tag("viewId", h.viewID)
		above.tag("route", h.route)
		w.views[h.viewID] = above
		return above
	}
	for _, view := range w.inOrder {
		if view.start.After(h.at) {
			break
		}
		above = view
	}
	return above
}

// tagTrace names the trace that a back end made of it, and says when there is none to be found.
func (s *span) tagTrace(h *happening) {
	s.tag("traceId", h.traceID)
	s.tag("requestId", h.requestID)
	if h.traceID != "" && !h.sampled {
		s.tag("trace", reasonNotSampled)
	}
}

func later(at time.Time, ms float64) time.Time {
	return at.Add(time.Duration(max(ms, 0) * float64(time.Millisecond)))
}

func unixMilli(at time.Time) float64 { return float64(at.UnixMicro()) / 1000 }

// parentsFirst orders spans so that each comes after the one it hangs under, otherwise as they are.
func parentsFirst(spans []*span) []*span {
	children := map[*span][]*span{}
	for _, s := range spans {
		children[s.parent] = append(children[s.parent], s)
	}
	ordered := make([]*span, 0, len(spans))
	var visit func(*span)
	visit = func(s *span) {
		ordered = append(ordered, s)
		for _, child := range children[s] {
			visit(child)
		}
	}
	visit(spans[0])
	return ordered
}
