package main

// parts of the suite, in the order of the page.
var parts = []part{
	{"ingest", "Ingest", "TODO", 5, ingest},
	{"collector", "Against the OpenTelemetry Collector and plain inserts", "TODO", 10, peers},
}
