package query

import "slices"

// table is one of the store's tables that questions read.
type table string

const (
	tableViews    table = "views"
	tableVitals   table = "vitals"
	tableRequests table = "requests"
	tableErrors   table = "errors"
	tableActions  table = "actions"
	tableSessions table = "sessions"
	tableEvidence table = "evidence" // views, requests and errors, each for itself
	tableDeploys  table = "deploys"

	tableAttribution table = "attribution" // vitals, and blocking: attribution_blocking.go

	tableSessionEvents table = "session_events"
	tableTraces        table = "traces" // views and requests put together: traces.go

	tableJourneys  table = "journeys"     // views, actions and errors, replayed session by session: journeys_replay.go
	tableTelemetry table = "telemetry_1m" // and the tables themselves: telemetry.go
)

// dimension is something answers can be grouped by and filtered on: its key in the query JSON (and the field's name in
// the answer), its name for people, and the SQL expression it stands for. SQL takes identifiers only from here.
type dimension struct {
	key  string
	name string
	expr string
	many bool // an array of values: a session's routes
}

// common are the dimensions every raw table has.
var common = []dimension{
	{key: "app", name: "App", expr: "app"},
	{key: "environment", name: "Environment", expr: "environment"},
	{key: "release", name: "Release", expr: "release"},
	{key: "route", name: "Route", expr: "route"},
	{key: "journey", name: "Journey", expr: "journey"},
	{key: "browser", name: "Browser", expr: "browser"},
	{key: "browserVersion", name: "Browser version", expr: "browser_version"},
	{key: "os", name: "OS", expr: "os"},
	{key: "device", name: "Device", expr: "device"},
	{key: "country", name: "Country", expr: "country"},
	{key: "region", name: "Region", expr: "region"},
	{key: "connection", name: "Connection", expr: "connection"},
	{key: "navigationType", name: "Navigation type", expr: "navigation_type"},
	{key: "traffic", name: "Traffic", expr: "traffic"},
}

// own are the dimensions only one raw table has.
var own = map[table][]dimension{
	tableRequests: {
		{key: "method", name: "Method", expr: "method"},
		{key: "endpoint", name: "Endpoint", expr: "endpoint"},
		{key: "host", name: "Host", expr: "host"},
		{key: "kind", name: "Kind", expr: "kind"},
		{key: "statusClass", name: "Status", expr: "if(status = 0, failure, concat(toString(intDiv(status, 100)), 'xx'))"},
		{key: "party", name: "Party", expr: "party"},
	},
	tableErrors: {
		{key: "fingerprint", name: "Error group", expr: "fingerprint"},
		{key: "errorType", name: "Error type", expr: "error_type"},
	},
	tableEvidence: {
		{key: "endpoint", name: "Endpoint", expr: "endpoint"},
		{key: "host", name: "Host", expr: "host"},
		{key: "fingerprint", name: "Error group", expr: "fingerprint"},
		{key: "errorType", name: "Error type", expr: "error_type"},
	},
	tableAttribution: {
		{key: "element", name: "Element", expr: "target"},
		{key: "script", name: "Script", expr: "script_url"},
		{key: "party", name: "Party", expr: "party"},
	},
	tableActions: {
		// Faro names its actions and does not say what was clicked.
		{key: "target", name: "Target", expr: "if(target = '', name, target)"},
		{key: "kind", name: "Kind", expr: "kind"},
	},
}

// ofSessions are a whole session's dimensions. It has one row a day (or more): these expressions put them together, so
// they stand in HAVING.
var ofSessions = []dimension{
	{key: "environment", name: "Environment", expr: "any(environment)"},
	{key: "release", name: "Release", expr: "max(release)"},
	{key: "route", name: "Route", expr: "groupUniqArrayArray(50)(routes)", many: true},
	{key: "browser", name: "Browser", expr: "max(browser)"},
	{key: "browserVersion", name: "Browser version", expr: "max(browser_version)"},
	{key: "os", name: "OS", expr: "max(os)"},
	{key: "device", name: "Device", expr: "max(device)"},
	{key: "country", name: "Country", expr: "max(country)"},
	{key: "region", name: "Region", expr: "max(region)"},
	{key: "connection", name: "Connection", expr: "max(connection)"},
	{key: "traffic", name: "Traffic", expr: "max(traffic)"},
}

// ofSessionEvents narrow one session's timeline down. What is the same all session long is no use for that.
var ofSessionEvents = []dimension{
	{key: "kind", name: "Kind", expr: "toString(kind)"},
	{key: "route", name: "Route", expr: "route"},
	{key: "journey", name: "Journey", expr: "journey"},
	{key: "fingerprint", name: "Error group", expr: "fingerprint"},
	{key: "actionId", name: "Action", expr: "action_id"}, // itself, and what it started
	{key: "environment", name: "Environment", expr: "environment"},
	{key: "release", name: "Release", expr: "release"},
}

// ofDeploys are a deploy's dimensions, of markers and of first-seen releases alike.
var ofDeploys = []dimension{
	{key: "environment", name: "Environment", expr: "environment"},
	{key: "release", name: "Release", expr: "release"},
}

func dimensionsOf(t table) []dimension {
	switch t {
	case tableSessions:
		return ofSessions
	case tableSessionEvents:
		return ofSessionEvents
	case tableTraces:
		return ofTraces
	case tableDeploys:
		return ofDeploys
	case tableJourneys:
		return ofJourneys
	case tableTelemetry:
		return ofTelemetry
	}
	return append(common[:len(common):len(common)], own[t]...)
}

func dimensionByKey(t table, key string) (dimension, error) {
	all := dimensionsOf(t)
	valid := make([]string, 0, len(all))
	for _, d := range all {
		if d.key == key {
			return d, nil
		}
		valid = append(valid, d.key)
	}
	return dimension{}, unknown("dimension", key, valid)
}

// anyTypeKnows says that there is such a dimension, if not in every table.
func anyTypeKnows(key string) bool {
	return slices.ContainsFunc(queryTypes, func(t queryType) bool {
		return slices.ContainsFunc(dimensionsOf(t.table), func(d dimension) bool { return d.key == key })
	})
}
