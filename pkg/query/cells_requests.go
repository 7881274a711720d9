package query

// durationGrid is the grid of buckets of request durations: that of a custom timing, as the store has it.
const durationGrid = ""

// callSums are what is known of requests beside their duration. Times are weight times microseconds.
var callSums = []cellSum{
	{"failed", "if(" + failedCall + ", toInt64(weight), 0)"},
	{"server_samples", "toInt64(server > 0)"},
	{"server_time", "if(server > 0, toInt64(weight) * toInt64(round(server * 1000)), 0)"},
	{"server_duration", "if(server > 0, toInt64(weight) * toInt64(round(duration * 1000)), 0)"},
}

// requestsHistogram reads what requestRows does from cells.
func requestsHistogram() *histogram {
	return &histogram{
		sums: callSums,
		facts: []string{
			"sum(failed)", "sum(server_samples)", "sum(server_time) / 1000", "sum(server_duration) / 1000",
		},
		value: func(_ []string, bucket int16) float64 { return middleOf(durationGrid, bucket) },
	}
}
