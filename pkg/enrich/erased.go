package enrich

import "github.com/sightline-rum/sightline/pkg/rum"

// erased empties the beacons of those whose data was erased. It is done when a beacon is drained, whatever way it came:
// late, tried again by a client, or out of a spool that was written before the erasure.
func (p *Pipeline) erased(b *rum.Beacon) {
	c := &b.Context
	if p.erasures == nil || !p.erasures(b) {
		return
	}
	p.count(c.App, c.Environment, "erased", "", int64(b.Len()))
	*b = rum.Beacon{ReceivedAt: b.ReceivedAt, Context: rum.Context{App: c.App, Environment: c.Environment}}
}
