package drain

import (
	"context"
	"errors"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

// bisect inserts the rows of a table that refused them all, in halves and halves of halves, down to the records that
// are to blame. The other tables of the batch are in already.
//
// Each piece has a token of its own made of its place in the batch. A crash on the way is harmless: the whole batch
// comes again, is refused again before anything is written, and is cut the same way.
func (d *Drainer) bisect(ctx context.Context, into *shard, batch spool.Batch, table string, records []record) error {
	var reason error
	err := d.retry(ctx, "insert a piece"+into.name, batch.Token, func() error {
		reason = nil
		err := d.insertPiece(ctx, into, batch.Token, table, records)
		if refused, ok := errors.AsType[*store.RefusedError](err); ok {
			reason = refused
			return nil
		}
		return err
	})
	if err != nil || reason == nil {
		return err
	}
	if len(records) == 1 {
		r := records[0]
		return d.bury(ctx, deadLetter{
			token: batch.Token, index: r.index, request: r.Request, table: table, reason: reason, record: batch.Records[r.index],
		})
	}
	half := len(records) / 2
	if err := d.bisect(ctx, into, batch, table, records[:half]); err != nil {
		return err
	}
	return d.bisect(ctx, into, batch, table, records[half:])
}

func (d *Drainer) insertPiece(ctx context.Context, into *shard, token, table string, records []record) error {
	into.fill(records)
	rows := into.batch.RowsByTable()[table]
	if rows == 0 {
		return nil
	}
	trying, cancel := context.WithTimeout(ctx, d.options.InsertTimeout)
	defer cancel()
	piece := fmt.Sprintf("%s/%d-%d", token, records[0].index, records[len(records)-1].index)
	if err := into.store.InsertTable(trying, piece, table, into.batch); err != nil {
		return err
	}
	d.logInserted(piece, into, map[string]int{table: rows})
	d.metrics.rows.WithLabelValues(table).Add(float64(rows))
	return nil
}
