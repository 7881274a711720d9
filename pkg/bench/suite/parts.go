package main

// parts of the suite, in the order of the page.
var parts = []part{
	{"collector", "Against the OpenTelemetry Collector and plain inserts", "TODO", 10, peers},
}
