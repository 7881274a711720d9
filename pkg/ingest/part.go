package ingest

import "github.com/sightline-rum/sightline/pkg/rum"

// part is what of a payload has one context, and so becomes one beacon. Browsers send payloads of one part; a collector
// between them and us packs those of many visitors together.
type part struct {
	key     *partKey
	beacon  rum.Beacon
	claims  claims
	taken   []place  // the items that were read into the beacon, or skipped
	skipped []string // why items were taken that become no row of their own

	sampledOut bool // left out under pressure: others stand for it

	sources     []source // where each request was read from
	dropped     []bool   // which requests are told by another item
	navigations []navigation
	sinceOrigin []sinceOrigin
	timeOrigin  int64 // Unix milliseconds, 0 when the payload does not tell
}

// place is where in a payload an item stood.
type place struct {
	list  string
	index int
}

// partKey is what tells the parts of a payload from each other.
type partKey struct {
	resource      int // OTLP: which of the payload's resources
	session, page string
}

// newPart begins a part, which items are added to from now on.
func (d *reading) newPart() {
	if last := len(d.spare) - 1; last >= 0 {
		d.part, d.spare = d.spare[last], d.spare[:last]
	} else {
		d.part = new(part)
	}
	d.part.reset(d.received, d.sentAt)
	d.parts = append(d.parts, d.part)
}

func (p *part) reset(received, sentAt int64) {
	p.beacon.ReceivedAt, p.beacon.SentAt = received, sentAt
	p.beacon.Context = rum.Context{}
	p.claims.reset()
	p.key = nil
	p.drop()
}

// drop forgets the items of a part; whose they were stays.
func (p *part) drop() {
	b := &p.beacon
	b.Views, b.Vitals, b.Requests, b.Blocking = b.Views[:0], b.Vitals[:0], b.Requests[:0], b.Blocking[:0]
	b.Errors, b.Actions, b.Events = b.Errors[:0], b.Actions[:0], b.Events[:0]
	p.timeOrigin, p.sampledOut = 0, false
	p.taken, p.skipped, p.sources, p.navigations = p.taken[:0], p.skipped[:0], p.sources[:0], p.navigations[:0]
	p.sinceOrigin = p.sinceOrigin[:0]
}

// usePart adds what follows to the part of this session and page. A session's items that do not know their page are
// with those that do. What else the payload says is the same for all its parts.
func (d *reading) usePart(resource int, session, page string) {
	session, page = cut(session, maxName), cut(page, maxURL)
	if len(d.parts) == 1 && d.parts[0].key == nil {
		d.startPart(resource, session, page)
		return
	}
	for n := len(d.parts) - 1; n >= 0; n-- {
		key := d.parts[n].key
		if key.resource != resource || key.session != session || key.page != page && key.page != "" && page != "" {
			continue
		}
		d.part = d.parts[n]
		if key.page == "" {
			key.page = page
			d.nameKey()
		}
		return
	}
	common := &d.parts[0].claims
	d.newPart()
	d.claims.copyFrom(common)
	d.startPart(resource, session, page)
}

func (d *reading) startPart(resource int, session, page string) {
	if d.otel {
		d.claims.copyFrom(&d.resource)
	}
	d.part.key = &partKey{resource, session, page}
	d.nameKey()
}

func (p *part) nameKey() {
	if p.key.session != "" {
		p.claims.sessionID = p.key.session
	}
	if p.key.page != "" {
		p.claims.pageURL = p.key.page
	}
}
