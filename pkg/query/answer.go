package query

import (
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// queryType is one of the questions that can be asked.
type queryType struct {
	name         string
	table        table    // whose dimensions it groups by and filters on
	formats      []string // the first is the default
	limit        int      // rows unless the query says
	vital        bool     // its metric is a Web Vital or a custom timing
	metrics      []string // or else one of these, the first by default, where "" is all of them together
	measures     []string // what of its metric, the first by default
	compares     bool     // its tables can be held against another window
	lists        bool     // single things, which groupBy could not put together
	sessionLevel bool     // about one person's visit: refused below the data source's sessionRole
	ids          bool     // nothing without ids: refused where they would be stripped
	sections     []string // which part of the answer its table is, where it has several; the first is the default
	ask          func(context.Context, driver.Conn, *question) (data.Frames, error)
}

// queryTypes in the order they are listed. The first is what a query without a type means.
var queryTypes []queryType

func init() {
	queryTypes = []queryType{
		{name: "vitals", table: tableVitals,
			formats: []string{formatSeries, formatTable, formatNumeric, formatDistribution}, limit: 100, vital: true,
			measures: vitalMeasureKeys(), compares: true, ask: askVitals},
		{name: "vitalsOverview", table: tableVitals, formats: []string{formatTable}, limit: 100, compares: true,
			ask: askVitalsOverview},
		{name: "requests", table: tableRequests, formats: []string{formatSeries, formatNumeric, formatTable},
			limit: 100, metrics: requestMeasureKeys(), ask: askRequests},
		{name: "errors", table: tableErrors, formats: []string{formatTable, formatSeries}, limit: 100,
			ask: askErrors},
		{name: "pages", table: tableViews, formats: []string{formatSeries, formatTable}, limit: 100,
			metrics: pageMeasureKeys(), compares: true, ask: askPages},
		{name: "resources", table: tableRequests, formats: []string{formatTable}, limit: 100, compares: true,
			ask: askResources},
		{name: "actions", table: tableActions, formats: []string{formatSeries, formatTable}, limit: 100,
			ask: askActions},
		{name: "errorBursts", table: tableErrors, limit: 100,
			formats: []string{formatTable, formatSeries, formatNumeric, formatAnnotations}, ask: askErrorBursts},
		{name: "evidence", table: tableEvidence, formats: []string{formatTable, formatNumeric}, limit: 20,
			sections: evidenceSections, metrics: append([]string{""}, evidenceMetrics...), compares: true, ask: askEvidence},
		{name: "attribution", table: tableAttribution, formats: []string{formatTable}, limit: 20,
			metrics: attributable, compares: true, ask: askAttribution},
		{name: "sessions", table: tableSessions, formats: []string{formatTable}, limit: 100, sessionLevel: true,
			metrics: sessionRankings, lists: true, ask: askSessions},
		{name: "session", table: tableSessionEvents, formats: []string{formatLogs, formatTrace}, limit: 1000,
			sessionLevel: true, ids: true, lists: true, ask: askSession},
		{name: "traces", table: tableTraces, formats: []string{formatTable}, limit: 100, sessionLevel: true,
			ids: true, lists: true, ask: askTraces},
		{name: "journeys", table: tableJourneys, formats: []string{formatTable, formatSeries}, limit: 100,
			sections: journeySections, metrics: journeyMeasureKeys(), ask: askJourneys},
		{name: "deploys", table: tableDeploys, formats: []string{formatAnnotations, formatTable}, limit: 100,
			lists: true, ask: askDeploys},
		{name: "releases", table: tableVitals, formats: []string{formatTable}, limit: 20,
			metrics: append([]string{""}, releaseParts...), compares: true, ask: askReleases},
		{name: "impact", table: tableVitals, formats: []string{formatTable}, limit: 100, vital: true,
			measures: []string{measurePercentile, measurePoor}, compares: true, ask: askImpact},
		{name: "telemetry", table: tableTelemetry, formats: []string{formatTable, formatSeries, formatNumeric},
			limit: 500, sections: telemetrySections, metrics: counterKeys(), ask: askTelemetry},
		{name: "variable", formats: []string{formatTable}, limit: 1000, lists: true, ask: askVariable},
	}
}

// Formats of an answer.
const (
	formatSeries       = "timeseries"
	formatTable        = "table"
	formatNumeric      = "numeric"
	formatDistribution = "distribution"
	formatAnnotations  = "annotations"
	formatLogs         = "logs"
	formatTrace        = "trace"
)

// seriesLimit is how many series (or histograms) an answer has unless the query says: more cannot be told apart.
const seriesLimit = 20

func (t *queryType) limitOf(format string) int {
	if format == formatSeries || format == formatDistribution {
		return seriesLimit
	}
	return t.limit
}

func typeByName(name string) (*queryType, error) {
	valid := make([]string, 0, len(queryTypes))
	for i := range queryTypes {
		if queryTypes[i].name == name {
			return &queryTypes[i], nil
		}
		valid = append(valid, queryTypes[i].name)
	}
	return nil, unknown("queryType", name, valid)
}

func (r *Runner) answer(ctx context.Context, caller Caller, dq backend.DataQuery) backend.DataResponse {
	q, err := read(dq, r.Settings)
	if err == nil {
		q.describeSpan(ctx)
		err = caller.mayAsk(q.kind, r.Settings)
	}
	if err != nil {
		return new(question).response(err)
	}
	q.ids = caller.IDs
	if !caller.IDs || caller.FromAlert {
		q.Exemplars = false // they are ids alone, and a rule takes no other frame beside its numbers
	}
	q.limitCells(caller, r.Settings)
	tooFew, err := q.limitFilters(ctx, r.Conn)
	if err != nil {
		return q.response(r.explainSchema(ctx, err))
	}
	widened, err := q.widenFewSteps(ctx, r.Conn)
	if err != nil {
		return q.response(r.explainSchema(ctx, err))
	}
	frames, err := q.kind.ask(ctx, r.Conn, q)
	if err == nil {
		err = q.hideSteps(ctx, r.Conn, frames, widened)
	}
	if err == nil {
		frames, err = q.addExemplars(ctx, r.Conn, frames)
	}
	if err != nil {
		return q.response(r.explainSchema(ctx, err))
	}
	if q.few > 0 {
		q.sayFew(frames, tooFew)
	}
	if empty(frames) && q.kind.name != "variable" {
		hint(ctx, r.Conn, q, frames)
	}
	if !caller.IDs {
		stripIDs(frames)
	}
	if len(q.ignored) > 0 && len(frames) > 0 && q.kind.name != "variable" {
		frames[0].AppendNotices(info("The dashboard's filter on %s does not apply to %s.", strings.Join(q.ignored, ", "), q.kind.name))
	}
	q.sayPlans(frames)
	r.Settings.Links.put(q, frames)
	q.offerFilters(frames)
	for _, frame := range frames {
		frame.RefID = q.refID
		frame.Meta.ExecutedQueryString = strings.Join(q.executed, "\n\n")
	}
	measureSpan(ctx, frames)
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
}

// mayAsk refuses session-level questions to those who may not see single visits, naming what would change that.
func (c Caller) mayAsk(t *queryType, settings Settings) error {
	if !t.sessionLevel || c.SessionLevel && (c.IDs || !t.ids) {
		return nil
	}
	if c.FromAlert {
		return forbidden("%s shows single sessions: an alert rule may only ask when the data source's idsInAlerts is set",
			t.name)
	}
	needed := "sessionRole"
	if settings.SessionRole != "" {
		needed += " (" + settings.SessionRole + ")"
	}
	if c.Role == "" {
		return forbidden("%s shows single sessions: it needs a signed-in user with the data source's %s", t.name, needed)
	}
	return forbidden("%s shows single sessions: role %s is below the data source's %s", t.name, c.Role, needed)
}

// idFields identify a visit or its requests.
var idFields = []string{"sessionId", "viewId", "actionId", "traceId", "requestId", "session_id", "trace_id"}

// stripIDs removes them from an answer, whatever type made it.
func stripIDs(frames data.Frames) {
	for _, frame := range frames {
		frame.Fields = slices.DeleteFunc(frame.Fields, func(f *data.Field) bool { return slices.Contains(idFields, f.Name) })
	}
}

// empty says that an answer has no rows at all.
func empty(frames data.Frames) bool {
	for _, frame := range frames {
		if frame.Rows() > 0 {
			return false
		}
	}
	return true
}
