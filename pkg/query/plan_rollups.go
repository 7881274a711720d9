package query

import "time"

// rollup is a table of cells: how many samples one hour (or minute) has in one bucket, by some dimensions.
type rollup struct {
	name       string
	of         table // whose rows it counts
	dimensions []string
	at         string        // the column of its time
	size       time.Duration // from which to the next a cell reaches
	marker     string        // the column that is empty in what is not a cell but says how much of an hour is counted
}

func vitalsBy(dimension string) rollup {
	return rollup{name: "hist_1h_route_" + dimension, of: tableVitals, at: "hour", size: time.Hour, marker: "metric",
		dimensions: []string{"app", "environment", "traffic", "route", dimension}}
}

func requestsBy(dimension string) rollup {
	return rollup{name: "hist_1h_endpoint_" + dimension, of: tableRequests, at: "hour", size: time.Hour, marker: "kind",
		dimensions: []string{"app", "environment", "traffic", "kind", "host", "method", "endpoint", dimension}}
}

// rollups as the migrations lay them out; of several that can answer, the one with the fewest cells does.
var rollups = []rollup{
	vitalsBy("device"), vitalsBy("release"), vitalsBy("country"), vitalsBy("browser"),
	requestsBy("route"), requestsBy("release"),
	{name: "errors_1m", of: tableErrors, at: "minute", size: time.Minute, marker: "fingerprint",
		dimensions: []string{"app", "environment", "traffic", "fingerprint", "release"}},
}
