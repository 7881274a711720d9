package ingest

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// faroDecoder reads a Faro payload straight into the normal form. Everything it holds is reused for the next payload;
// the beacon and its strings are the caller's until release.
//
// The payload's own order does not matter: items are read where they stand, and what depends on the meta object or on
// the other items is filled in at the end.
type faroDecoder struct {
	json   jx.Decoder
	texts  texts
	beacon rum.Beacon
	meta   faroMeta
	item   faroItem
	limits Limits
	told   *told

	headers []string // the attributes that may hold a request id

	list     string // the list being read, and the position in it: what a rejection names
	index    int
	total    int
	accepted int
	rejected []rejection
	skipped  []string // why items were taken that become no row of their own

	origins     []origin  // where each request was read from
	dropped     []bool    // which requests are told by another item
	spans       []spanKey // what this beacon has told, to be forgotten again when it could not be kept
	navigations []navigation
}

// rejection is one item that was not taken.
type rejection struct {
	List   string
	Index  int
	Reason string
}

// navigation is one page load in the beacon.
type navigation struct {
	id, previous string
	start        int64
}

var faroDecoders = sync.Pool{New: func() any { return new(faroDecoder) }}

func newFaroDecoder(limits Limits, told *told) *faroDecoder {
	d := faroDecoders.Get().(*faroDecoder)
	d.limits, d.told, d.headers = limits, told, nil
	return d
}

// release gives the decoder back. The beacon must not be used afterwards.
func (d *faroDecoder) release() {
	d.reset(0)
	faroDecoders.Put(d)
}

func (d *faroDecoder) reset(received int64) {
	b := &d.beacon
	b.ReceivedAt = received
	b.Context = rum.Context{}
	b.Views, b.Vitals, b.Requests, b.Blocking = b.Views[:0], b.Vitals[:0], b.Requests[:0], b.Blocking[:0]
	b.Errors, b.Actions, b.Events = b.Errors[:0], b.Actions[:0], b.Events[:0]
	d.meta.reset()
	d.list, d.index, d.total, d.accepted = "", 0, 0, 0
	d.rejected, d.skipped, d.spans, d.navigations = d.rejected[:0], d.skipped[:0], d.spans[:0], d.navigations[:0]
	d.origins = d.origins[:0]
}

// decode reads one payload, received at the given Unix millisecond. An error means that nothing of it can be used and
// says where it broke off; items that are wrong by themselves are in rejected.
func (d *faroDecoder) decode(payload []byte, received int64) error {
	d.reset(received)
	d.json.ResetBytes(payload)
	if d.json.Next() != jx.Object {
		return fmt.Errorf("the payload is not a JSON object")
	}
	err := d.json.ObjBytes(func(j *jx.Decoder, key []byte) error {
		switch string(key) {
		case "meta":
			return d.decodeMeta(j)
		case "measurements":
			return d.decodeList(j, "measurements", (*faroDecoder).takeMeasurement)
		case "exceptions":
			return d.decodeList(j, "exceptions", (*faroDecoder).takeException)
		case "events":
			return d.decodeList(j, "events", (*faroDecoder).takeEvent)
		case "logs":
			return d.decodeList(j, "logs", (*faroDecoder).takeLog)
		case "traces":
			return d.decodeTraces(j)
		default:
			return j.Skip()
		}
	})
	if err != nil {
		return fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	if j := d.json.Next(); j != jx.Invalid {
		return fmt.Errorf("the payload has something after its JSON object")
	}
	return nil
}

// decodeList reads one list of items and hands each to take, which returns why an item cannot be taken, or "".
func (d *faroDecoder) decodeList(j *jx.Decoder, list string, take func(*faroDecoder, *faroItem) string) error {
	if j.Next() != jx.Array {
		if j.Next() != jx.Null {
			d.list, d.index = list, 0
			d.reject("not a list")
		}
		return j.Skip()
	}
	index := 0
	return j.Arr(func(j *jx.Decoder) error {
		d.list, d.index = list, index
		index++
		if d.total++; d.total > d.limits.Items {
			d.reject("too many items in one beacon")
			return j.Skip()
		}
		if j.Next() != jx.Object {
			d.reject("not an object")
			return j.Skip()
		}
		d.item.reset()
		if err := d.decodeItem(j, &d.item); err != nil {
			return err
		}
		reason := d.item.wrong
		if reason == "" {
			reason = d.checkTime(&d.item)
		}
		if reason == "" {
			reason = take(d, &d.item)
		}
		if reason != "" {
			d.reject(reason)
			return nil
		}
		d.accepted++
		return nil
	})
}

func (d *faroDecoder) reject(reason string) {
	d.rejected = append(d.rejected, rejection{List: d.list, Index: d.index, Reason: reason})
}

// skip notes an item that is taken but becomes no row, and why.
func (d *faroDecoder) skip(reason string) string {
	d.skipped = append(d.skipped, reason)
	return ""
}

// checkTime gives an item without a time the time it was received.
func (d *faroDecoder) checkTime(i *faroItem) string {
	if i.ts == 0 {
		i.ts = d.beacon.ReceivedAt
	}
	return enrich.Plausible(d.beacon.ReceivedAt, i.ts)
}

// faroItem is one item of any list: Faro's measurements, exceptions, events and logs differ in few fields.
type faroItem struct {
	ts              int64
	traceID, spanID string
	unsampled       bool
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
	values          []measure
	frames          []rum.Frame
	wrong           string // why the item cannot be used
}

type attribute struct{ key, value string }

type measure struct {
	key   string
	value float64 // NaN when it was not a number
}

// maxAttributes is how many attributes of one item are read; Faro's own events have up to 35.
const maxAttributes = 64

func (i *faroItem) reset() {
	*i = faroItem{attributes: i.attributes[:0], values: i.values[:0], frames: i.frames[:0]}
}

// attribute returns the value of a key, or "".
func (i *faroItem) attribute(key string) string {
	for n := range i.attributes {
		if i.attributes[n].key == key {
			return known(i.attributes[n].value)
		}
	}
	return ""
}

// either returns the first of several spellings that has a value.
func (i *faroItem) either(keys ...string) string {
	for _, key := range keys {
		if value := i.attribute(key); value != "" {
			return value
		}
	}
	return ""
}

// millis reads a duration or other number that Faro wrote as text. What is not a number, or negative, is 0: not known.
func (i *faroItem) millis(key string) float32 {
	return float32(i.number(key))
}

func (i *faroItem) number(key string) float64 {
	value, err := strconv.ParseFloat(i.attribute(key), 64)
	if err != nil || !rum.Valid(value) {
		return 0
	}
	return value
}

func (i *faroItem) size(key string) uint32 {
	return uint32(min(i.number(key), math.MaxUint32))
}

// base is what an item becomes in the normal form.
func (i *faroItem) base() rum.Item {
	action := i.actionParent
	if action == "" {
		action = i.actionID
	}
	item := rum.Item{TS: i.ts, ActionID: safeID(action), TraceID: hexID(i.traceID, 32), SpanID: hexID(i.spanID, 16)}
	item.Unsampled = i.unsampled && item.TraceID != ""
	i.correlate(&item)
	return item
}

func (d *faroDecoder) decodeItem(j *jx.Decoder, i *faroItem) error {
	return j.ObjBytes(func(j *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "timestamp":
			i.ts, err = d.timestamp(j, i)
		case "type":
			i.kind, err = d.string(j, maxName)
		case "name":
			i.name, err = d.string(j, maxName)
		case "value":
			i.value, err = d.string(j, maxMessage)
		case "message":
			i.message, err = d.string(j, maxMessage)
		case "level":
			i.level, err = d.string(j, maxName)
		case "fingerprint":
			i.fingerprint, err = d.string(j, maxName)
		case "fatal":
			if j.Next() != jx.Bool {
				return j.Skip()
			}
			i.hasFatal = true
			i.fatal, err = j.Bool()
		case "context", "attributes":
			i.attributes, err = d.attributes(j, i.attributes)
		case "values":
			err = d.values(j, i)
		case "stacktrace":
			err = d.stacktrace(j, i)
		case "trace":
			err = d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "trace_id":
					i.traceID, err = d.string(j, maxID)
				case "span_id":
					i.spanID, err = d.string(j, maxID)
				case "trace_flags":
					var flags string
					flags, err = d.string(j, maxID)
					set, wrong := strconv.ParseUint(flags, 16, 8)
					i.unsampled = wrong == nil && set&1 == 0
				default:
					err = j.Skip()
				}
				return err
			})
		case "action":
			err = d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					i.actionID, err = d.string(j, maxID)
				case "parentId":
					i.actionParent, err = d.string(j, maxID)
				default:
					err = j.Skip()
				}
				return err
			})
		default:
			err = j.Skip()
		}
		return err
	})
}

// fields reads the fields of an object, and skips anything that is not one.
func (d *faroDecoder) fields(j *jx.Decoder, field func(key []byte) error) error {
	if j.Next() != jx.Object {
		return j.Skip()
	}
	return j.ObjBytes(func(_ *jx.Decoder, key []byte) error { return field(key) })
}

// string reads a text, a number or a truth value as text of at most limit bytes. Anything else is "".
func (d *faroDecoder) string(j *jx.Decoder, limit int) (string, error) {
	switch j.Next() {
	case jx.String:
		b, err := j.StrBytes()
		if err != nil {
			return "", err
		}
		return d.texts.keepCut(b, limit), nil
	case jx.Number:
		n, err := j.Num()
		if err != nil {
			return "", err
		}
		return d.texts.keepCut(n, limit), nil
	case jx.Bool:
		b, err := j.Bool()
		return strconv.FormatBool(b), err
	default:
		return "", j.Skip()
	}
}

// timestamp reads an RFC 3339 time, or Unix milliseconds as a number, into Unix milliseconds.
func (d *faroDecoder) timestamp(j *jx.Decoder, i *faroItem) (int64, error) {
	switch j.Next() {
	case jx.String:
		b, err := j.StrBytes()
		if err != nil {
			return 0, err
		}
		var t time.Time
		if err := t.UnmarshalText(b); err != nil {
			i.wrong = "the timestamp is not an RFC 3339 time"
			return 0, nil
		}
		return t.UnixMilli(), nil
	case jx.Number:
		n, err := j.Num()
		if err != nil {
			return 0, err
		}
		ms, err := n.Float64()
		if err != nil || math.Abs(ms) > 1e15 {
			i.wrong = "the timestamp is not a time in milliseconds"
			return 0, nil
		}
		return int64(ms), nil
	case jx.Null:
		return 0, j.Null()
	default:
		i.wrong = "the timestamp is not a time"
		return 0, j.Skip()
	}
}

// attributes reads a flat object of texts. Objects and lists inside it are left out.
func (d *faroDecoder) attributes(j *jx.Decoder, into []attribute) ([]attribute, error) {
	if j.Next() != jx.Object {
		return into, j.Skip()
	}
	err := j.ObjBytes(func(j *jx.Decoder, key []byte) error {
		if len(into) >= maxAttributes {
			return j.Skip()
		}
		switch j.Next() {
		case jx.String, jx.Number, jx.Bool:
		default:
			return j.Skip()
		}
		name := d.texts.keepCut(key, maxName)
		value, err := d.string(j, maxMessage)
		if err != nil {
			return err
		}
		into = append(into, attribute{key: name, value: value})
		return nil
	})
	return into, err
}

// values reads the numbers of a measurement. JSON has no NaN: browsers send null for it.
func (d *faroDecoder) values(j *jx.Decoder, i *faroItem) error {
	return d.fields(j, func(key []byte) error {
		if len(i.values) >= maxAttributes {
			return j.Skip()
		}
		m := measure{key: d.texts.keepCut(key, maxName), value: math.NaN()}
		if j.Next() != jx.Number {
			i.values = append(i.values, m)
			return j.Skip()
		}
		n, err := j.Num()
		if err != nil {
			return err
		}
		if value, err := n.Float64(); err == nil {
			m.value = value
		}
		i.values = append(i.values, m)
		return nil
	})
}

// next makes room for one more element and returns it zeroed.
func next[T any](list *[]T) *T {
	*list = append(*list, *new(T))
	return &(*list)[len(*list)-1]
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
