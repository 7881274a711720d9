package ingest

import (
	"fmt"
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// payload is what a decoder is given: the unpacked body, and what the request's head says about it.
type payload struct {
	body      []byte
	query     string // the address's raw query
	mediaType string
	received  int64 // Unix milliseconds
}

// decoder reads the payloads of one format into the normal form. Everything it holds is reused for the next payload.
type decoder interface {
	// decode reads one payload. An error means that nothing of it can be used and says where it broke off; items that
	// are wrong by themselves are in the reading's rejected.
	decode(p *payload) error
	result() *reading
}

// reading is one payload on its way into the normal form, and what all decoders share: the limits, why items were not
// taken, and the memory of what was told before. Its beacons and their strings are the caller's until the next reset.
type reading struct {
	json     jx.Decoder
	texts    texts
	limits   Limits
	told     *told
	request  string   // the id of the request, which its records carry
	otel     bool     // whether OpenTelemetry's instrumentations tell it, some of which tell the same
	headers  []string // the attributes that may hold a request id
	forward  bool     // whether spans are forwarded, and so have to be kept as they came
	received int64    // Unix milliseconds
	sentAt   int64    // by the client's clock, in Unix milliseconds; 0 where it does not say

	*part         // the part that items are added to
	parts []*part // those of this payload
	spare []*part // of earlier ones

	item     item
	resource claims // OTLP: what the resource being read says
	list     string // the list being read, and the position in it: what a rejection names
	index    int
	total    int
	accepted int
	refused  bool // consent is missing: nothing of the payload may be kept for people to look at
	sampled  int  // of those, how many are left out under pressure
	rejected []rejection
	spans    []spanKey // what this payload has told, to be forgotten again when it could not be kept
	traces   []byte    // spans to forward, as they came
	protobuf bool      // how they are encoded
}

// rejection is one item that was not taken.
type rejection struct {
	List   string
	Index  int
	Reason string
	part   *part // whose it is
}

// navigation is one page load in the beacon.
type navigation struct {
	id, previous string
	start        int64
	page         string
	teller       string // "" where items name their page load themselves
}

func (d *reading) result() *reading { return d }

func (d *reading) reset(received, sentAt int64) {
	d.received, d.sentAt, d.otel, d.refused, d.request = received, sentAt, false, false, ""
	d.spare = append(d.spare, d.parts...)
	d.parts = d.parts[:0]
	d.list, d.index, d.total, d.accepted, d.sampled = "", 0, 0, 0, 0
	d.rejected, d.spans, d.traces = d.rejected[:0], d.spans[:0], nil
	d.resource.reset()
	d.newPart()
}

// begin counts one more item of a list, and says whether it may be read into d.item.
func (d *reading) begin(list string, index int) bool {
	d.list, d.index = list, index
	if d.total++; d.total > d.limits.Items {
		d.reject("too many items in one beacon")
		return false
	}
	d.item.reset()
	return true
}

// take adds the item that was read to the beacon, by a function that returns why it cannot be taken, or "". An item
// without a time gets the time it was received.
func (d *reading) take(how func(*reading, *item) string) {
	i := &d.item
	if i.ts == 0 {
		i.ts = d.received
	}
	reason := i.wrong
	if reason == "" {
		reason = d.plausible(i.ts)
	}
	if reason == "" {
		reason = how(d, i)
	}
	if reason != "" {
		d.reject(reason)
		return
	}
	d.accepted++
	d.part.taken = append(d.part.taken, place{d.list, d.index})
}

// plausible goes by the client's own clock where the client said what it is.
func (d *reading) plausible(ts int64) string {
	now := d.received
	if d.sentAt > 0 {
		now = d.sentAt
	}
	return enrich.Plausible(now, ts)
}

func (d *reading) reject(reason string) {
	d.rejected = append(d.rejected, rejection{List: d.list, Index: d.index, Reason: reason, part: d.part})
}

// skip notes an item that is taken but becomes no row, and why.
func (p *part) skip(reason string) string {
	p.skipped = append(p.skipped, reason)
	return ""
}

// rejectPart rejects every item of the part, also those that were taken, for a reason that lies outside of them.
func (d *reading) rejectPart(reason string) {
	for _, at := range d.part.taken {
		d.rejected = append(d.rejected, rejection{List: at.list, Index: at.index, Reason: reason, part: d.part})
	}
	d.accepted -= len(d.part.taken)
	d.part.drop()
	// Spans are forwarded as they came, all of a payload together: none may pass that was refused here.
	d.traces = nil
}

// object reads the fields of a JSON payload that is one object.
func (d *reading) object(body []byte, field func(j *jx.Decoder, key []byte) error) error {
	if err := checkNesting(body); err != nil {
		return err
	}
	d.json.ResetBytes(body)
	if d.json.Next() != jx.Object {
		return fmt.Errorf("the payload is not a JSON object")
	}
	if err := d.json.ObjBytes(field); err != nil {
		return fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	return d.ended("object")
}

// ended says whether a payload ends with its JSON.
func (d *reading) ended(kind string) error {
	if d.json.Next() != jx.Invalid {
		return fmt.Errorf("the payload has something after its JSON %s", kind)
	}
	return nil
}

// next makes room for one more element and returns it zeroed.
func next[T any](list *[]T) *T {
	*list = append(*list, *new(T))
	return &(*list)[len(*list)-1]
}

// reasonClass is the part of a reason before the colon, which is one of a few.
func reasonClass(reason string) string {
	class, _, _ := strings.Cut(reason, ":")
	return class
}
