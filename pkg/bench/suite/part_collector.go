package main

import (
	"context"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// How many beacons a turn has: enough for seconds of processor time, which is counted in ticks of 10 ms, and few enough
// for what inserts each by itself.
const (
	beaconsOfATurn     = 4_000
	slowBeaconsOfATurn = 1_000
)

const (
	ourFaro          = "Sightline, Faro"
	ourOTLP          = "Sightline, OTLP"
	collectorMemory  = "OpenTelemetry Collector, in memory"
	collectorDurable = "OpenTelemetry Collector, durable queue"
	plainEach        = "plain: one insert a beacon"
	plainBatched     = "plain: one insert a second, in memory"
)

// peers measures the sidecar and what else could stand in its place, in turns, on the same items and one engine.
func peers(ctx context.Context, r *run) (result bench.Result, err error) {
	s, err := startSidecar(ctx, r.folder, "sidecar")
	if err != nil {
		return result, err
	}
	defer s.stop()
	drained := func(ctx context.Context, _ int) error { return s.drained(ctx) }
	all := []*contestant{
		{name: ourFaro, pid: s.pid(), engine: s.engine.PID, url: s.url("/collect"), media: "application/json",
			body: func(p payload) string { return p.faro }, stored: drained},
		{name: ourOTLP, pid: s.pid(), engine: s.engine.PID, url: s.url("/v1/logs"), media: "application/json",
			body: func(p payload) string { return p.otlp }, stored: drained},
	}
	for _, durable := range []bool{false, true} {
		p, c, err := startCollector(ctx, r.folder, map[bool]string{false: collectorMemory, true: collectorDurable}[durable],
			durable, s)
		if err != nil {
			return result, err
		}
		defer p.stop()
		all = append(all, c)
	}
	for _, batched := range []bool{false, true} {
		p, c, err := startPlain(ctx, r.folder, map[bool]string{false: plainEach, true: plainBatched}[batched], batched, s)
		if err != nil {
			return result, err
		}
		defer p.stop()
		all = append(all, c)
	}
	for _, of := range []struct {
		file  string
		fewer int
	}{{"02-layout-shift.json", 0}, {"01-page-load.json", 1}} {
		p, err := readPayload(of.file, of.fewer)
		if err != nil {
			return result, err
		}
		table := bench.Table{What: fmt.Sprintf("Faro %s (as OTLP %.1f kB)", p.name, float64(len(p.otlp))/1e3),
			Columns: contestColumns}
		for turn := range r.repetitions {
			r.say("%s, turn %d of %d", p.name, turn+1, r.repetitions)
			for i, c := range all {
				n := beaconsOfATurn
				if c.name == plainEach || c.name == collectorDurable {
					n = slowBeaconsOfATurn
				}
				if err := c.turn(ctx, &table, p, runName(turn, "-", i), n); err != nil {
					return result, err
				}
			}
		}
		result.Tables = append(result.Tables, table)
		result.Marks = append(result.Marks, peerMarks(&table, p)...)
	}
	return result, nil
}

// peerMarks compares the sidecar's own format with each mode of the Collector.
func peerMarks(t *bench.Table, p payload) []bench.Mark {
	var marks []bench.Mark
	for _, against := range []struct {
		name, short string
		times       float64
	}{{collectorMemory, "in memory", 3}, {collectorDurable, "durable", 20}} {
		for _, ours := range []string{ourFaro, ourOTLP} {
			ratio := t.Median(ours, 0) / t.Median(against.name, 0)
			marks = append(marks, bench.Mark{What: fmt.Sprintf("%s, %s: beacons per CPU-second, against the Collector %s", p.name, ours,
				against.short), Mark: fmt.Sprintf("≥ %.0f ×", against.times), Measured: fmt.Sprintf("%.1f ×", ratio),
				Reached: ratio >= against.times})
		}
	}
	ours, theirs := t.Median(ourFaro, 6), t.Median(collectorMemory, 6)
	return append(marks, bench.Mark{What: p.name + ": memory at most, against the Collector in memory", Mark: "no more",
		Measured: fmt.Sprintf("%.0f MB, theirs %.0f MB", ours, theirs), Reached: ours <= theirs})
}
