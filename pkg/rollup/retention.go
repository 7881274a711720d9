package rollup

import (
	"context"
	"fmt"
	"regexp"
	"slices"
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
	left, err := r.left(ctx, t.Source)
	if err != nil {
		return err
	}
	if oldest := left.oldest(h.App, time.Now()); h.Start.Before(oldest) {
		return &TooOldError{Table: t.Name, Hour: h, Oldest: oldest}
	}
	return nil
}

// left is which rows a raw table has left.
type left struct {
	days    int                  // that rows are kept
	appDays map[string]int       // of some apps, where that is shorter
	gone    map[string]time.Time // before when an app's rows were removed, whatever the days are now; "" is every app
}

func (r *Rollups) left(ctx context.Context, table string) (l left, err error) {
	l.appDays = r.appDays
	if l.days, err = r.days(ctx, table); err != nil {
		return l, err
	}
	l.gone, err = r.store.ExpiredBefore(ctx, table)
	return l, err
}

// oldest is the first hour of an app of which no raw row has expired; an app "" is any. What an app keeps for shorter than its
// table goes by whole days, after midnight (store.Expire).
func (l left) oldest(app string, now time.Time) time.Time {
	soon := now.Add(spare).UTC()
	first := soon.AddDate(0, 0, -l.days).Truncate(time.Hour).Add(time.Hour)
	if own := l.appDays[app]; own > 0 {
		first = latest(first, soon.Truncate(24*time.Hour).AddDate(0, 0, -own))
	}
	return latest(first, wholeHour(l.gone[""]), wholeHour(l.gone[app]))
}

// wholeHour is the first hour that begins at or after a moment.
func wholeHour(at time.Time) time.Time { return at.Add(time.Hour - 1).Truncate(time.Hour) }

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

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
