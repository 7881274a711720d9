package query

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/store"
)

// rollUp fills the roll-ups of an app with the cells of whole hours, as pkg/rollup does of an hour it never rolled.
func rollUp(t testing.TB, to *store.Store, app string, hours window) {
	t.Helper()
	rollUpIn(t, to, "", app, hours)
}

// rollUpIn is rollUp for tables whose names end with suffix, as those of a shard's own rows do.
func rollUpIn(t testing.TB, to *store.Store, suffix, app string, hours window) {
	t.Helper()
	ctx := context.Background()
	in := func(column string) string {
		return fmt.Sprintf("app = '%[1]s' AND %[2]s >= fromUnixTimestamp64Milli(%[3]d) AND "+
			"%[2]s < fromUnixTimestamp64Milli(%[4]d)", app, column, hours.from.UnixMilli(), hours.to.UnixMilli())
	}
	for i := range rollups {
		r := &rollups[i]
		columns := append([]string{r.at, "environment", "traffic"}, r.dimensions[3:]...)
		cell, from := []string{"samples", "weight"}, string(r.of)+suffix
		made := []string{"count()", "sum(weight)"}
		switch r.of {
		case tableVitals:
			columns, from = append(columns, "metric", "bucket"), "vitals"+suffix+" FINAL"
		case tableRequests:
			columns = append(columns, "bucket")
			for _, sum := range callSums {
				cell, made = append(cell, sum.name), append(made, "sum("+sum.ofRow+")")
			}
		}
		start := "toStartOfHour(ts)"
		if r.size == time.Minute {
			start = "toStartOfMinute(ts)"
		}
		require.NoError(t, to.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO %s (app, %s, %s)
SELECT app, toDateTime(%s, 'UTC') AS %s, %s, %s
FROM %s WHERE %s GROUP BY app, %s`, r.name+suffix, strings.Join(columns, ", "), strings.Join(cell, ", "), start,
			r.at, strings.Join(columns[1:], ", "), strings.Join(made, ", "), from, in("ts"),
			strings.Join(columns, ", "))), r.name)
		require.NoError(t, to.Conn().Exec(ctx, fmt.Sprintf("INSERT INTO %s (app, %s, samples, weight)\n"+
			"SELECT app, hour, 1, sum(rows) FROM hour_inserts%s WHERE %s GROUP BY app, hour", r.name+suffix, r.at, suffix, in("hour"))), r.name)
	}
}
