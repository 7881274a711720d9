package rollup

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// spare is how long before its rows expire an hour is left alone: a roll that begins must end before they go, also
// where two clocks differ.
const spare = time.Hour

// TooOldError says that some of an hour's raw rows may have expired, so that it cannot be rolled any more.
type TooOldError struct {
	Table  string
	Hour   Hour
	Oldest time.Time // the first hour that can be rolled
}

func (e *TooOldError) Error() string {
	return fmt.Sprintf("roll up %s of %s: some of its raw rows may have expired; the oldest hour that can be rolled is %s",
		e.Hour, e.Table, e.Oldest.UTC().Format("2006-01-02 15:04"))
}

func (r *Rollups) refuseOld(ctx context.Context, t Table, h Hour) error {
	days, err := r.days(ctx, t.Source)
	if err != nil {
		return err
	}
	if oldest := r.oldest(h.App, days, time.Now()); h.Start.Before(oldest) {
		return &TooOldError{Table: t.Name, Hour: h, Oldest: oldest}
	}
	return nil
}

// oldest is the first hour of an app of which no raw row has expired: a row is kept for so many days. What an app keeps for
// shorter goes by whole days, after midnight (store.Expire).
func (r *Rollups) oldest(app string, days int, now time.Time) time.Time {
	if own := r.appDays[app]; own > 0 && own < days {
		return now.Add(spare).UTC().Truncate(24*time.Hour).AddDate(0, 0, -own)
	}
	return now.Add(spare - time.Duration(days)*24*time.Hour).Truncate(time.Hour).Add(time.Hour)
}

var ttlDays = regexp.MustCompile(`(?s)\bTTL toDateTime\(ts\) \+ (?:toIntervalDay\((\d+)\)|INTERVAL (\d+) DAY)`)

// days is for how long a raw table keeps its rows. The table is asked, and no configuration: somebody may have changed
// it by hand.
func (r *Rollups) days(ctx context.Context, table string) (int, error) {
	var definition string
	err := r.store.Conn().QueryRow(ctx, "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() "+
		"AND name = {table:String}", named("table", r.store.Local(table))).Scan(&definition)
	if err != nil {
		return 0, fmt.Errorf("read for how long %s keeps its rows: %w", table, err)
	}
	found := ttlDays.FindStringSubmatch(definition)
	if found == nil {
		return 0, fmt.Errorf("read for how long %s keeps its rows: its definition has no TTL of ts in days; "+
			"`sightline migrate --print` has the one it was made with", table)
	}
	return strconv.Atoi(found[1] + found[2])
}
