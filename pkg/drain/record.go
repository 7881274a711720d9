package drain

import (
	"errors"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// record is a decoded and enriched record of a batch.
type record struct {
	rum.Record
	index int // within the batch
}

// read decodes and enriches a record. A panic of a step on some odd beacon must not stop the rest: it becomes the
// reason of a dead letter.
func (d *Drainer) read(raw []byte) (r record, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("enrich: panic: %v", p)
		}
	}()
	if _, err := r.UnmarshalMsg(raw); err != nil {
		return r, fmt.Errorf("decode: %w", err)
	}
	if r.Beacon == nil && r.Deploy == nil && len(r.Counts) == 0 {
		return r, errors.New("decode: the record holds neither a beacon nor a deploy nor counters")
	}
	if r.Beacon != nil {
		d.enrich(r.Beacon)
	}
	return r, nil
}

func (r record) addTo(batch *store.Batch) {
	if r.Beacon != nil {
		batch.Add(r.Beacon)
	}
	if r.Deploy != nil {
		batch.AddDeploy(*r.Deploy)
	}
	batch.AddCounts(r.Counts)
}
