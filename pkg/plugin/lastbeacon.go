package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// sighting is when the store last got something, by its own clock, and how far that clock is from ours.
type sighting struct {
	any  bool
	ago  time.Duration
	skew time.Duration // positive when the store's clock is ahead
}

// newestOfEach asks every table that a beacon may have a row in: one that tells of an action alone is a beacon, too.
var newestOfEach = func() string {
	tables := []string{"views", "vitals", "requests", "blocking", "errors", "actions", "events"}
	for i, table := range tables {
		tables[i] = "SELECT max(received_at) AS received_at FROM " + table + "\n" +
			"WHERE ts >= toDateTime({hour:Int64}, 'UTC') AND (empty({apps:Array(String)}) OR has({apps:Array(String)}, app))\n"
	}
	return strings.Join(tables, "UNION ALL\n")
}()

// lastBeacon finds the newest beacon among the apps this data source answers for. It looks up the newest hour that has
// rows first, so that it reads an hour of the raw tables at most, however much they hold.
func (i *Instance) lastBeacon(ctx context.Context) (sighting, error) {
	var seen sighting
	apps := i.settings.Apps
	if apps == nil {
		apps = []string{}
	}

	var hour, now int64
	asked := time.Now()
	err := i.store.Conn().QueryRow(ctx, `
		SELECT toInt64(toUnixTimestamp(max(hour))), toUnixTimestamp64Milli(now64(3))
		FROM hour_inserts
		WHERE empty({apps:Array(String)}) OR has({apps:Array(String)}, app)`,
		clickhouse.Named("apps", apps)).Scan(&hour, &now)
	if err != nil {
		return seen, fmt.Errorf("read the newest hour: %w", err)
	}
	// The store read its clock somewhere between question and answer: the middle is the best guess.
	middle := asked.Add(time.Since(asked) / 2)
	seen.skew = time.UnixMilli(now).Sub(middle)
	if hour == 0 {
		return seen, nil
	}

	var received int64
	err = i.store.Conn().QueryRow(ctx, "SELECT toUnixTimestamp64Milli(max(received_at)) FROM (\n"+newestOfEach+")",
		clickhouse.Named("hour", hour), clickhouse.Named("apps", apps)).Scan(&received)
	if err != nil {
		return seen, fmt.Errorf("read the newest beacon: %w", err)
	}
	seen.any = true
	// An hour whose rows have expired or were erased leaves no time of receipt behind: its own time stands in.
	newest := time.UnixMilli(max(received, hour*1000))
	seen.ago = max(0, time.UnixMilli(now).Sub(newest))
	return seen, nil
}
