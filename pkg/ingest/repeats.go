package ingest

import (
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// repeats recognises a beacon that is sent again because its answer was lost. Faro (from 2.12) and our agent give each
// beacon an Idempotency-Key and send it up to three times within a minute or so; a beacon that was acknowledged, or is
// being written right now, must not be stored a second time. The memory is bounded and ends with the process.
type repeats struct {
	mu     sync.Mutex
	beacon *lru.Cache[string, *delivery]
}

// delivery is one beacon on its way to the disk. accepted is set before done is closed; it is negative when the
// beacon was not kept.
type delivery struct {
	done     chan struct{}
	accepted int
}

const rememberedBeacons = 16 << 10

func newRepeats() *repeats {
	beacon, _ := lru.New[string, *delivery](rememberedBeacons) // fails only for a size below 1
	return &repeats{beacon: beacon}
}

// begin returns a delivery of the caller's own to finish, or the earlier one of the same key to wait for.
func (r *repeats) begin(key string) (own, earlier *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d, ok := r.beacon.Get(key); ok {
		return nil, d
	}
	d := &delivery{done: make(chan struct{}), accepted: -1}
	r.beacon.Add(strings.Clone(key), d)
	return d, nil
}

// finish tells those who wait. A beacon that was not kept may come again.
func (r *repeats) finish(key string, d *delivery, accepted int) {
	d.accepted = accepted
	if accepted < 0 {
		r.mu.Lock()
		r.beacon.Remove(key)
		r.mu.Unlock()
	}
	close(d.done)
}
