package rollup

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Checked is what a comparison of roll-ups with raw rows has found.
type Checked struct {
	Exact       int          // roll-ups of an hour that are equal to the raw rows, cell by cell
	Behind      int          // that have rows to be rolled yet; those are not compared
	Differences []Difference // the newest hour first, table by table
}

// Add adds what was found in another shard.
func (c *Checked) Add(other Checked) {
	c.Exact += other.Exact
	c.Behind += other.Behind
	c.Differences = append(c.Differences, other.Differences...)
}

// Difference is an hour whose marker says that it is exact, and whose cells are not those of the raw rows.
type Difference struct {
	Hour
	Table   Table
	Cells   uint64 // that differ
	Samples int64  // that the raw rows have and the roll-up has not, or the other way round: summed without their signs
	Example string // one of the cells
}

func (d Difference) String() string {
	return fmt.Sprintf("%s of %s: %d cells differ, by %d samples; for instance %s",
		d.Hour, d.Table.Name, d.Cells, d.Samples, d.Example)
}

// Check compares each hour with its raw rows. It reads all of them: about as much as rolling everything anew. Progress
// is told before each hour of each table; it may be nil.
func (r *Rollups) Check(ctx context.Context, in Range, progress func(t Table, done, of int)) (Checked, error) {
	var all Checked
	for _, t := range Tables {
		type count struct {
			Hour
			inserted uint64
		}
		var exact []count
		err := r.each(ctx, in, t, func(h Hour, inserted uint64, covered int64) {
			if covered == int64(inserted) {
				exact = append(exact, count{h, inserted})
			} else {
				all.Behind++
			}
		})
		if err != nil {
			return all, fmt.Errorf("check the roll-up %s: %w", t.Name, err)
		}
		for i, h := range exact {
			if progress != nil {
				progress(t, i, len(exact))
			}
			different, err := r.compare(ctx, t, h.Hour)
			if err != nil {
				return all, fmt.Errorf("check %s of %s: %w", h.Hour, t.Name, err)
			}
			// What was inserted or rolled meanwhile is no difference: the hour would have to be compared again.
			if different.Cells > 0 {
				if now, err := r.inserted(ctx, h.Hour); err != nil || now != h.inserted {
					all.Behind++
					continue
				}
				all.Differences = append(all.Differences, different)
				continue
			}
			all.Exact++
		}
	}
	return all, nil
}

// compare counts in how many cells an hour's roll-up differs from its raw rows.
func (r *Rollups) compare(ctx context.Context, t Table, h Hour) (Difference, error) {
	d := Difference{Hour: h, Table: t}
	var names []string
	for i, key := range t.Keys {
		if key.Name != t.At || t.At != "hour" {
			names = append(names, fmt.Sprintf("'%s=', toString(k%d)", key.Name, i))
		}
	}
	sql := fmt.Sprintf("SELECT count(), toInt64(sum(abs(t0))), any(concat(%s)) FROM (%s)", strings.Join(names, ", ' ', "),
		r.difference(t, false))
	err := r.scan(exactly(ctx, nil), sql, func(rows driver.Rows) error {
		return rows.Scan(&d.Cells, &d.Samples, &d.Example)
	}, h.parameters()...)
	return d, err
}
