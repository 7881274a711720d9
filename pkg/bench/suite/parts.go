package main

import "github.com/sightline-rum/sightline/pkg/bench"

// parts of the suite, in the order of the page.
var parts = []part{
	{"ingest", "Ingest", `Beacons as a real Faro SDK sends them, over 64 connections on the loopback, until all of them are in the store. The processor
time is the sidecar's alone: HTTP, decoding, scrubbing, the spool, enriching, and the client's side of the insert; the engine's
is told beside it. A spool on a disk in memory shows what durability costs, and a bare server what Go's HTTP costs: nothing
built on it can be faster.`, []string{
		"What stands in the way: the budgets of 30,000 and 12,000 were added up from decoding, scrubbing and the spool measured alone, " +
			"and leave out HTTP, the garbage collector, and the drain. A profile of the sidecar under this load (`runtime/pprof`) at " +
			"1.1 kB and 5.6 kB has 29 and 16 % in net/http itself, 22 and 33 % in reading and decoding, 11 and 10 % in scrubbing, " +
			"encoding and handing to the spool, 5 and 4 % in the spool's writes, 12 and 19 % in decoding, enriching and inserting " +
			"batches, 6 and 7 % in the garbage collector; the rest is answers and the scheduler. At 1.1 kB net/http's share is 27 µs, " +
			"where the mark leaves 48 µs for everything.",
		"An acknowledgement waits for the group before it and for its own, and then for a processor: with others waiting for the two " +
			"cores, the bare server's p99, which waits for no disk, is the lower bound. At 500 beacons a second nobody waits for a " +
			"processor for long, but the engine stores a batch every second, with fsyncs of its own on the same disk: with the spool in " +
			"memory the p99 is lower by a third to a half.",
	}, 5, ingest, &bench.Bars{File: "bench-ingest.png", Title: "Ingest: beacons per CPU-second"}},
	{"collector", "Against the OpenTelemetry Collector and plain inserts", `The same items, in turns, into the same embedded engine: Faro's JSON for Sightline, and their translation to OTLP logs (JSON
over HTTP) for all others and for Sightline, too. The Collector is v0.161 with the OTLP receiver and the ClickHouse exporter, put
together from ` + "[`pkg/bench/collector`](../pkg/bench/collector)" + `; it speaks to the engine over its HTTP interface and makes its own table,
with batches of 10,000 to 50,000 rows gathered in its sending queue. Durable means with its file storage and fsync, which is what
Sightline always does. It stores log records as they are; Sightline validates, scrubs, enriches, and writes each item to its own
table and the session's timeline. The plain receivers decode OTLP with encoding/json and insert JSONEachRow.`, []string{
		"What stands in the way of 3 ×: three times the Collector in memory is about what a Go server that reads the body and " +
			"throws it away manages (above, [Ingest](#ingest)). With items stored as they are, in batches, it does less with each. Its " +
			"receiver and queue have no disk to wait for and no second copy of a row to write. Sightline costs about as much, durable; " +
			"the Collector's durable queue costs several times as much, as it writes each request to bbolt in a transaction of its own.",
		"With its default time-out of 5 s, the Collector stored 20,000 of 40,000 rows twice when this machine was busy: the insert " +
			"went on in the engine while it was sent again. The figures are with a time-out of two minutes. Sightline's inserts " +
			"have tokens by which the store knows a repetition.",
		"The processor time of whoever acknowledges is not all: one insert a beacon costs the engine more than a hundred times as much.",
	}, 10, peers, &bench.Bars{File: "bench-collector.png", Title: "Against others: beacons per CPU-second"}},
	{"insert", "Insert path", `Batches of page views (1 view, 5 vitals, 10 requests) through clickhouse-go into the embedded engine, processor time of both. A row has 43 to
56 columns and is written again, shorter, for the session's timeline, which five views read; rows count once.`, []string{
		"What stands in the way of 400,000: it was set for narrow rows without views. With this many columns clickhouse-go's part " +
			"alone takes more than the 2.5 µs a row that the mark leaves for both. The engine's share is more than twice that: leaving out " +
			"the views gives a tenth more, and without merges, too, 181,000 were measured ([Measures](measures.md#ingest)), so that " +
			"it is wide rows, and merging them, that cost.",
	}, 6, insertPath, nil},
	{"storage", "Storage", `Page views of 1 view, 5 vitals and 10 requests, inserted as the sidecar does and merged: compressed bytes of each table. Ids, times and
values are drawn at random, as they are in life; routes, assets and targets are a shop's.`, []string{
		"What stands in the way of 400 bytes: ids are drawn at random and do not compress, and each item is kept twice, once in its own " +
			"table and once in the session's timeline, both with the ids of its metric or trace. The page view here also has a trace.",
	}, 2, storage, nil},
	{"percentiles", "Percentiles by route", `The plugin's question against the bare statement over the same merged days of one metric, 30 routes, two sampling weights. What the
plugin adds: the weights, the 95 % interval, the samples, and the shares of the ratings.`, nil, 8, percentiles, nil},
	{"lookups", "Looking up visits", `Among eight days of one app, on two cores. The look-up is the statement that finds the rows; the whole question also reads what
belongs to them from the tables of items.`, nil, 8, lookups, nil},
	{"dashboard", "The Experience dashboard", `All questions of its panels at once through the plugin's binary, as Grafana asks them, filters left at All.`, []string{
		"The plugin's own part is a few milliseconds a panel: what a dashboard costs, its statements cost.",
	}, 8, dashboard, nil},
	{"rollups", "Rows and roll-ups", "`BenchmarkGrowth` of `pkg/query`; see [Measures](measures.md#questions-answered-from-roll-ups) for each panel.", nil, 8, rollUps, nil},
	{"freshness", "Freshness", `A beacon of an app of its own is accepted, and the plugin's binary is asked for that app until the answer has it, under steady load.
The spool gathers for a second.`, nil, 4, freshness, nil},
	{"start", "Start and memory", `The plugin's binary, started over go-plugin as Grafana starts it, and asked for the apps of a store; and the memory of a new
installation, idle and after a day of the demo's shop.`, nil, 2, startUp, nil},
	{"sizes", "Sizes", `What browsers download.`, nil, 1, sizes, nil},
	{"agent", "Agent", "`npm run measure:agent`: what scripts take of a page's main thread in Chromium, at a quarter of the machine's speed, on the thread's own\nclock.", nil, 3, agentCost, nil},
}
