package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-rum/sightline/pkg/bench"
)

const (
	spoolOnDisk   = "Sightline, durable"
	spoolInMemory = "Sightline, its spool on a disk in memory"
	otherBuild    = "another build of Sightline, durable"
	bareServer    = "Go's net/http, reads the body and answers 202"
)

// ingestBeacons are those of a turn, several seconds of processor time.
const ingestBeacons = 20_000

// A steady load is far below what the sidecar can take: nobody waits for a processor, and the disk is what is left.
const (
	steadyPerSecond = 500
	steadySeconds   = 10
)

// budgets are the beacons per CPU-second that the parts of the sidecar add up to, by the number of a payload's items.
var budgets = map[int]float64{1: 30_000, 10: 12_000}

// ingest measures the sidecar as it is, and with a spool whose fsync costs nothing: the product has no mode without one.
func ingest(ctx context.Context, r *run) (result bench.Result, err error) {
	durable, err := startSidecar(ctx, r.folder, "durable")
	if err != nil {
		return result, err
	}
	defer durable.stop()
	memory, err := os.MkdirTemp("/dev/shm", "sightline-bench-")
	if err != nil {
		return result, fmt.Errorf("a folder in memory for the spool: %w", err)
	}
	defer os.RemoveAll(memory)
	if err := os.MkdirAll(filepath.Join(r.folder, "memory"), 0o700); err != nil {
		return result, err
	}
	if err := os.Symlink(memory, filepath.Join(r.folder, "memory", "spool")); err != nil {
		return result, err
	}
	inMemory, err := startSidecar(ctx, r.folder, "memory")
	if err != nil {
		return result, err
	}
	defer inMemory.stop()
	bare, server, err := startBare(ctx, r.folder)
	if err != nil {
		return result, err
	}
	defer server.stop()
	all := []*contestant{durable.contestant(spoolOnDisk), inMemory.contestant(spoolInMemory), bare}
	if r.against != "" {
		before, err := startProgram(ctx, r.against, r.folder, "before")
		if err != nil {
			return result, err
		}
		defer before.stop()
		all = append(all, before.contestant(otherBuild))
	}
	disk := bench.Table{What: "fdatasync of 4 kB, on the same disk, nothing else of ours running", Columns: []bench.Column{
		{Name: "p50, ms", Decimals: 2}, {Name: "p99, ms", Decimals: 2}}}
	calm := bench.Table{What: fmt.Sprintf("%d beacons a second", steadyPerSecond), Columns: []bench.Column{
		{Name: "ack p50, ms", Decimals: 2}, {Name: "ack p99, ms", Decimals: 2}}}
	for _, of := range []struct {
		file  string
		fewer int
	}{{"02-layout-shift.json", 0}, {"01-page-load.json", 1}} {
		p, err := readPayload(of.file, of.fewer)
		if err != nil {
			return result, err
		}
		table := bench.Table{What: "Faro " + p.name, Columns: contestColumns}
		for turn := range r.repetitions {
			r.say("%s, turn %d of %d", p.name, turn+1, r.repetitions)
			took, err := fdatasyncs(r.folder, 100)
			if err != nil {
				return result, err
			}
			disk.Add("before each turn", bench.Percentile(took, 0.5), bench.Percentile(took, 0.99))
			for i, c := range all {
				if err := c.turn(ctx, &table, p, runName(turn, "-", i), ingestBeacons); err != nil {
					return result, err
				}
			}
			for i, c := range all {
				name := p.name + ": " + c.name
				s, err := paced(ctx, c.url, c.media, bodies(c.body(p), runName(turn, "-calm-", i), steadyPerSecond*steadySeconds),
					time.Second/steadyPerSecond)
				if err == nil {
					err = c.stored(ctx, steadyPerSecond*steadySeconds*p.items) // or the next turn is charged for it
				}
				if err != nil {
					return result, err
				}
				calm.Add(name, s.percentile(0.5), s.percentile(0.99))
			}
		}
		result.Tables = append(result.Tables, table)
		result.Marks = append(result.Marks, ingestMarks(&table, &calm, &disk, p)...)
	}
	result.Tables = append(result.Tables, calm, disk)
	return result, nil
}

// contestant is the sidecar in a contest, with its own format.
func (s *sidecar) contestant(name string) *contestant {
	return &contestant{name: name, pid: s.pid(), engine: s.engine.PID, url: s.url("/collect"), media: "application/json",
		body:   func(p payload) string { return p.faro },
		stored: func(ctx context.Context, _ int) error { return s.drained(ctx) }}
}

func ingestMarks(t, calm, disk *bench.Table, p payload) []bench.Mark {
	perSecond, sync := t.Median(spoolOnDisk, 0), disk.Median("before each turn", 1)
	budget := budgets[p.items]
	kept := perSecond / t.Median(spoolInMemory, 0)
	ack := t.Median(spoolOnDisk, 5) / sync
	calmly := calm.Median(p.name+": "+spoolOnDisk, 1)
	return []bench.Mark{
		{What: p.name + ": durable beacons per CPU-second, of a budget of " + bench.Thousands(budget, 0), Mark: "≥ 70 %",
			Measured: fmt.Sprintf("%s (%.0f %%)", bench.Thousands(perSecond, 0), 100*perSecond/budget), Reached: perSecond >= 0.7*budget},
		{What: p.name + ": durable beacons per CPU-second, against a spool in memory", Mark: "≥ 0.8 ×",
			Measured: fmt.Sprintf("%.2f ×", kept), Reached: kept >= 0.8},
		{What: p.name + ": p99 of the acknowledgement, against the disk's own fdatasync", Mark: "≤ 3 ×",
			Measured: fmt.Sprintf("%.1f ms, %.1f × %.2f ms", t.Median(spoolOnDisk, 5), ack, sync), Reached: ack <= 3},
		{What: fmt.Sprintf("%s: the same at %d beacons a second", p.name, steadyPerSecond), Mark: "≤ 3 ×",
			Measured: fmt.Sprintf("%.1f ms, %.1f × %.2f ms", calmly, calmly/sync, sync), Reached: calmly <= 3*sync},
	}
}
