package ingest

import (
	"math"
	"strconv"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// item is one item of any format before it is known what it becomes: Faro's measurements, exceptions, events and logs,
// OTLP's spans and log records, and reports differ in few fields.
type item struct {
	ts              int64
	traceID, spanID string
	actionID        string
	actionParent    string
	kind            string // "type"
	name            string
	value           string
	message         string
	level           string
	fingerprint     string
	fatal, hasFatal bool
	attributes      []attribute // "attributes" of events, "context" of the others
	extras          []attribute // a site's own, beside those that have a meaning
	values          []measure
	frames          []rum.Frame
	start, end      float64 // of a span, Unix nanoseconds
	parentID        string  // of a span
	unsampled       bool    // the trace is not kept
	scope           string  // the instrumentation that a span or log record comes from
	moments         []moment
	page            string                // the address of the page it belongs to
	kept            func(key string) bool // the attributes that have a field of their own, and are not kept beside it
	wrong           string                // why the item cannot be used
}

type attribute struct{ key, value string }

// moment is an event of a span, at Unix nanoseconds.
type moment struct {
	name string
	at   float64
}

type measure struct {
	key   string
	value float64 // NaN when it was not a number
}

// maxAttributes is how many attributes of one item are read; Faro's own events have up to 35.
const maxAttributes = 64

func (i *item) reset() {
	*i = item{attributes: i.attributes[:0], extras: i.extras[:0], values: i.values[:0], frames: i.frames[:0], moments: i.moments[:0]}
}

// attribute returns the value of a key, or "".
func (i *item) attribute(key string) string {
	for n := range i.attributes {
		if i.attributes[n].key == key {
			return known(i.attributes[n].value)
		}
	}
	return ""
}

// either returns the first of several spellings that has a value.
func (i *item) either(keys ...string) string {
	for _, key := range keys {
		if value := i.attribute(key); value != "" {
			return value
		}
	}
	return ""
}

// millis reads a duration or other number that Faro wrote as text. What is not a number, or negative, is 0: not known.
func (i *item) millis(key string) float32 {
	return float32(i.number(key))
}

func (i *item) number(key string) float64 {
	value, err := strconv.ParseFloat(i.attribute(key), 64)
	if err != nil || !rum.Valid(value) {
		return 0
	}
	return value
}

func (i *item) size(key string) uint32 {
	return uint32(min(i.number(key), math.MaxUint32))
}

// viewAttribute names an item's page view. Faro puts it on page loads and resources, our agent on everything.
const viewAttribute = "faroNavigationId"

// base is what an item becomes in the normal form.
func (i *item) base() rum.Item {
	action := i.actionParent
	if action == "" {
		action = i.actionID
	}
	item := rum.Item{TS: i.ts, ActionID: safeID(action), TraceID: hexID(i.traceID, 32), SpanID: hexID(i.spanID, 16)}
	item.ViewID = safeID(i.attribute(viewAttribute))
	item.Unsampled = i.unsampled && item.TraceID != ""
	i.correlate(&item)
	return item
}

// copyAttributes keeps what an app attached to an item: at most 20 attributes, without those that name a person.
func copyAttributes(from []attribute, skip func(key string) bool) map[string]string {
	var kept map[string]string
	for _, a := range from {
		if a.key == "" || a.value == "" || enrich.PrivateKey(a.key) || skip != nil && skip(a.key) {
			continue
		}
		if kept == nil {
			kept = make(map[string]string, min(len(from), maxKept))
		}
		if len(kept) == maxKept {
			break
		}
		kept[cut(a.key, 64)] = cut(a.value, maxAttribute)
	}
	return kept
}

const maxKept = 20
