package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// insertPath measures batches through clickhouse-go into the embedded engine, as the sidecar inserts them.
func insertPath(ctx context.Context, r *run) (result bench.Result, err error) {
	table := bench.Table{What: "batch", Columns: []bench.Column{{Name: "rows per CPU-second, client and engine"},
		{Name: "client, µs/row", Decimals: 2}, {Name: "engine, µs/row", Decimals: 2}}}
	for turn := range r.repetitions {
		r.say("turn %d of %d", turn+1, r.repetitions)
		found, err := goBench(ctx, "./pkg/store", "Insert/rows=(1600|48000)$", "10x", 1)
		if err != nil {
			return result, err
		}
		for name, units := range found {
			rows := strings.TrimPrefix(name, "Insert/rows=")
			name = bench.Thousands(number(rows), 0) + " rows"
			if strings.HasSuffix(rows, "/no-views") {
				name += ", without views"
			}
			table.Add(name, units["rows/CPU-s"][0], units["own-µs/row"][0], units["engine-µs/row"][0])
		}
	}
	slices.SortFunc(table.Rows, func(a, b bench.Row) int { return strings.Compare(a.Name, b.Name) })
	result.Tables = append(result.Tables, table)
	perSecond := table.Median("48,000 rows", 0)
	result.Marks = append(result.Marks, bench.Mark{What: "rows per CPU-second in batches of 48,000, all views included",
		Mark: "≥ 400,000", Reached: perSecond >= 400_000, Measured: fmt.Sprintf("%s (the client's part alone: %s)",
			bench.Thousands(perSecond, 0), bench.Thousands(1e6/table.Median("48,000 rows", 1), 0))})
	return result, nil
}

// number reads the digits that a text begins with.
func number(text string) (n float64) {
	_, _ = fmt.Sscanf(text, "%f", &n)
	return n
}

// storage measures what a page view takes on disk.
func storage(ctx context.Context, r *run) (result bench.Result, err error) {
	r.say("30,000 page views")
	found, err := goBench(ctx, "./pkg/store", "Storage", "1x", 1)
	if err != nil {
		return result, err
	}
	units := found["Storage"]
	table := bench.Table{What: "table, merged", Columns: []bench.Column{{Name: "bytes a page view", Decimals: 1}}}
	for _, unit := range slices.SortedFunc(maps.Keys(units), func(a, b string) int { return int(units[b][0] - units[a][0]) }) {
		if name, is := strings.CutSuffix(unit, "-B/view"); is && units[unit][0] >= 0.1 {
			if name == "ids" {
				name = "of all: ids of metrics, page views, visits, traces and spans"
			}
			table.Add(name, units[unit][0])
		}
	}
	result.Tables = append(result.Tables, table)
	all := table.Median("all", 0)
	result.Marks = append(result.Marks, bench.Mark{What: "bytes of a page view of 1 view, 5 vitals and 10 requests, compressed",
		Mark: "≤ 400", Measured: fmt.Sprintf("%.0f", all), Reached: all <= 400})
	return result, nil
}
