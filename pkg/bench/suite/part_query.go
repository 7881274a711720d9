package main

import (
	"context"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// markRows is how many rows the marks of questions are for.
const markRows = 20_000_000

func (r *run) rowsEnv() string { return fmt.Sprintf("BENCH_ROWS=%d", r.rows) }

func (r *run) rounds() string { return fmt.Sprintf("%dx", r.repetitions) }

// percentiles measures the plugin's p75 by route against the bare statement.
func percentiles(ctx context.Context, r *run) (result bench.Result, err error) {
	r.say("%s rows, %d rounds", bench.Thousands(float64(r.rows), 0), r.repetitions)
	found, err := goBench(ctx, "./pkg/query", "VitalsTable", r.rounds(), 1, r.rowsEnv())
	if err != nil {
		return result, err
	}
	units := found["VitalsTable"]
	table := bench.Table{What: bench.Thousands(float64(r.rows), 0) + " rows, medians", Columns: []bench.Column{
		{Name: "engine's processor time, ms"}, {Name: "against bare SQL", Decimals: 2}, {Name: "by the clock, ms"},
		{Name: "against bare SQL, by the clock", Decimals: 2}}}
	for _, c := range []struct{ unit, name string }{{"bare", "bare `quantileExact(0.75)` by route"},
		{"table", "`vitals` table by route: p75, samples, interval, shares"}, {"numeric", "`vitals` number a route, for alert rules"},
		{"overview", "`vitalsOverview` by route"}} {
		cpu, clock := units[c.unit+"-engine-CPU-ms"][0], units[c.unit+"-ms"][0]
		table.Add(c.name, cpu, cpu/units["bare-engine-CPU-ms"][0], clock, clock/units["bare-ms"][0])
	}
	result.Tables = append(result.Tables, table)
	ratio := units["table-engine-CPU-ms"][0] / units["bare-engine-CPU-ms"][0]
	result.Marks = append(result.Marks, bench.Mark{What: fmt.Sprintf("p75 by route over %s rows, engine's processor time against bare SQL",
		bench.Thousands(float64(r.rows), 0)), Mark: "≤ 1.15 × at 20M", Measured: fmt.Sprintf("%.2f ×", ratio), Reached: ratio <= 1.15,
		Smaller: r.rows < markRows})
	return result, nil
}

// lookups measures how a visit and the visit of a trace are found.
func lookups(ctx context.Context, r *run) (result bench.Result, err error) {
	r.say("%s events, %d rounds", bench.Thousands(float64(r.rows), 0), r.repetitions)
	found, err := goBench(ctx, "./pkg/query", "Lookups", r.rounds(), 1, r.rowsEnv())
	if err != nil {
		return result, err
	}
	units := found["Lookups"]
	table := bench.Table{What: bench.Thousands(float64(r.rows), 0) + " events, medians", Columns: []bench.Column{
		{Name: "the look-up alone, ms by the clock", Decimals: 1}, {Name: "whole question: engine's processor time, ms", Decimals: 1},
		{Name: "whole question, ms by the clock", Decimals: 1}}}
	for _, c := range []struct {
		unit, name, what string
		mark             float64
	}{{"timeline", "a visit's timeline", "session timeline in the engine", 25}, {"trace", "the visit of a trace", "trace → session in the engine", 10}} {
		alone := units[c.unit+"-statement-ms"][0]
		table.Add(c.name, alone, units[c.unit+"-engine-CPU-ms"][0], units[c.unit+"-ms"][0])
		result.Marks = append(result.Marks, bench.Mark{What: fmt.Sprintf("%s, %s events", c.what, bench.Thousands(float64(r.rows), 0)),
			Mark: fmt.Sprintf("≤ %.0f ms at 20M", c.mark), Measured: fmt.Sprintf("%.1f ms", alone), Reached: alone <= c.mark,
			Smaller: r.rows < markRows})
	}
	result.Tables = append(result.Tables, table)
	return result, nil
}

// dashboard measures the Experience dashboard as somebody opens it.
func dashboard(ctx context.Context, r *run) (result bench.Result, err error) {
	r.say("%s events, %d rounds", bench.Thousands(float64(r.rows), 0), r.repetitions)
	found, err := goBench(ctx, "./pkg/query", "Dashboard", r.rounds(), 1, r.rowsEnv())
	if err != nil {
		return result, err
	}
	units := found["Dashboard"]
	table := bench.Table{What: bench.Thousands(float64(r.rows), 0) + " events, eight days", Columns: []bench.Column{
		{Name: "panels' questions"}, {Name: "all answered, ms by the clock"}, {Name: "the first time, ms by the clock"},
		{Name: "engine's processor time, ms"}, {Name: "the plugin's, ms"}}}
	table.Add("Experience, all at once", units["queries"][0], units["dashboard-ms"][0], units["first-ms"][0], units["engine-CPU-ms"][0],
		units["plugin-CPU-ms"][0])
	result.Tables = append(result.Tables, table)
	first := units["first-ms"][0]
	result.Marks = append(result.Marks, bench.Mark{What: fmt.Sprintf("Experience dashboard, all panels, cold, %s events",
		bench.Thousands(float64(r.rows), 0)), Mark: "≤ 2 s at 20M", Measured: fmt.Sprintf("%.1f s", first/1e3), Reached: first <= 2000,
		Smaller: r.rows < markRows})
	return result, nil
}

// rollUps asks a dashboard of four weeks from rows and from roll-ups.
func rollUps(ctx context.Context, r *run) (result bench.Result, err error) {
	table := bench.Table{What: "ten panels of four weeks, engine's processor time", Columns: []bench.Column{
		{Name: "rows alone, ms"}, {Name: "roll-ups alone, ms"}, {Name: "as planned, ms"}}}
	millions := []int{1}
	if r.rows >= 10_000_000 {
		millions = append(millions, 10)
	}
	var lines [3]bench.Line
	for i, name := range []string{"rows alone", "roll-ups alone", "as planned"} {
		lines[i] = bench.Line{Name: name, Dashed: i == 0}
	}
	for _, m := range millions {
		r.say("%d million events", m)
		found, err := goBench(ctx, "./pkg/query", fmt.Sprintf("Growth/events=%dM$", m), "1x", 1)
		if err != nil {
			return result, err
		}
		units := found[fmt.Sprintf("Growth/events=%dM", m)]
		var sums []float64
		for i, unit := range []string{"rows-ms", "roll-ups-ms", "planned-ms"} {
			sums = append(sums, units[unit][0])
			lines[i].X, lines[i].Y = append(lines[i].X, float64(m)), append(lines[i].Y, units[unit][0])
		}
		table.Add(fmt.Sprintf("%d million events", m), sums...)
	}
	result.Tables = append(result.Tables, table)
	if len(millions) > 1 {
		result.Charts = append(result.Charts, bench.Figure{File: "bench-growth.svg", Alt: "Processor time of a dashboard by the number of events",
			Chart: bench.Chart{Title: "Ten panels of four weeks", X: "events, millions", Y: "engine's processor time, ms", LogX: true,
				Lines: lines[:]}})
	}
	return result, nil
}
