package store

import (
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Batch gathers rows column by column. It belongs to one goroutine.
type Batch struct {
	views    *table[view]
	vitals   *table[vital]
	requests *table[request]
	blocking *table[blocking]
	errors   *table[rumError]
	actions  *table[action]
	events   *table[event]
	session  *table[sessionEvent]
	deploys  *table[receivedDeploy]
	counts   *table[count]

	happened []sessionEvent // of the beacon being added
	handover handover       // for the columns of whichever table is being inserted

	tables []rows // all of them, in the order they are inserted

	// What a try that failed has inserted already, by table, is not inserted again under the same token: a store that takes
	// as long for each table as is left for all of them would never come to the last.
	inserted map[string]string
}

// NewBatch returns an empty batch. It can be Reset and used again, which saves growing its columns each time.
func NewBatch() *Batch {
	b := &Batch{
		views: newViews(), vitals: newVitals(), requests: newRequests(), blocking: newBlocking(),
		errors: newErrors(), actions: newActions(), events: newEvents(), session: newSessionEvents(),
		deploys: newDeploys(), counts: newCounts(), inserted: map[string]string{},
	}
	b.tables = []rows{
		b.views, b.vitals, b.requests, b.blocking, b.errors, b.actions, b.events, b.session, b.deploys, b.counts,
	}
	return b
}

// Add adds an enriched beacon: a row for each item, and a short one for its session. The batch keeps its strings until
// Reset.
func (b *Batch) Add(beacon *rum.Beacon) {
	b.views.add(beacon, beacon.Views)
	b.vitals.add(beacon, beacon.Vitals)
	b.requests.add(beacon, beacon.Requests)
	b.blocking.add(beacon, beacon.Blocking)
	b.errors.add(beacon, beacon.Errors)
	b.actions.add(beacon, beacon.Actions)
	b.events.add(beacon, beacon.Events)
	b.happened = sessionEvents(b.happened[:0], beacon)
	b.session.add(beacon, b.happened)
	clear(b.happened)
}

// AddDeploy adds a deploy marker.
func (b *Batch) AddDeploy(deploy rum.Deploy) {
	b.deploys.add(nil, []receivedDeploy{{Deploy: deploy, receivedAt: time.Now().UnixMilli()}})
}

// AddCounts adds counters of the pipeline, which the store sums up.
func (b *Batch) AddCounts(counts []rum.Count) { b.counts.add(nil, counts) }

// Rows counts what was added: items, deploys and counters.
func (b *Batch) Rows() int {
	total := 0
	for _, t := range b.tables {
		if t != rows(b.session) {
			total += t.count()
		}
	}
	return total
}

// RowsByTable counts the rows of each table that has any.
func (b *Batch) RowsByTable() map[string]int {
	counts := map[string]int{}
	for _, t := range b.tables {
		if t.count() > 0 {
			counts[t.tableName()] = t.count()
		}
	}
	return counts
}

// Reset empties the batch.
func (b *Batch) Reset() {
	clear(b.inserted)
	for _, t := range b.tables {
		t.reset()
	}
}
