package rollup

// Table is one roll-up: which raw rows it counts, and into which cells.
type Table struct {
	Name   string
	Source string // the raw table
	At     string // the column of a cell's time: hour, or minute
	Marker string // the column that is empty in markers, and in no cell
	Keys   []Column
	Sums   []Column // the first two are samples and weight, of which markers are made
}

// Column is a column of a roll-up and what it is of a raw row, in SQL.
type Column struct{ Name, Of string }

// hour is the start of the hour that is rolled: a parameter of every statement, and so no column of the raw rows.
const hour = "toDateTime({hour:Int64}, 'UTC')"

// Tables are all roll-ups, as the migrations lay them out.
var Tables = []Table{
	ofVitals("device"), ofVitals("release"), ofVitals("country"), ofVitals("browser"),
	ofRequests("route"), ofRequests("release"),
	{
		Name: "errors_1m", Source: "errors", At: "minute", Marker: "fingerprint",
		Keys: append(same("fingerprint", "environment", "traffic", "release"),
			Column{"minute", "toStartOfMinute(toDateTime(ts, 'UTC'))"}),
		Sums: counts,
	},
}

var counts = []Column{{"samples", "toInt64(1)"}, {"weight", "toInt64(weight)"}}

func ofVitals(dimension string) Table {
	return Table{
		Name: "hist_1h_route_" + dimension, Source: "vitals", At: "hour", Marker: "metric",
		Keys: append(same("metric", "environment", "traffic", "route", dimension, "bucket"), Column{"hour", hour}),
		Sums: counts,
	}
}

// ofRequests counts with each duration how many failed and what the server's share was. Times are weight times
// microseconds, rounded before they are summed: a sum of rounded times can be taken back to the last one.
func ofRequests(dimension string) Table {
	const told = "server > 0"
	return Table{
		Name: "hist_1h_endpoint_" + dimension, Source: "requests", At: "hour", Marker: "kind",
		Keys: append(same("kind", "environment", "traffic", "host", "method", "endpoint", dimension, "bucket"),
			Column{"hour", hour}),
		Sums: append(counts[:2:2],
			Column{"failed", "if(failure != '' OR status >= 400, toInt64(weight), 0)"},
			Column{"server_samples", "toInt64(" + told + ")"},
			Column{"server_time", "if(" + told + ", toInt64(round(toFloat64(weight) * server * 1000)), 0)"},
			Column{"server_duration", "if(" + told + ", toInt64(round(toFloat64(weight) * duration * 1000)), 0)"}),
	}
}

// same are columns that the raw rows have under the same name.
func same(names ...string) []Column {
	columns := make([]Column, 0, len(names)+1)
	for _, name := range names {
		columns = append(columns, Column{name, name})
	}
	return columns
}
