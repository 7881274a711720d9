package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Query is the query JSON: one contract for panels, alert rules, Explore, provisioning and the command line. Alert
// rules are evaluated without the browser, so everything a query leaves out is filled in here.
type Query struct {
	QueryType   string  `json:"queryType"`
	App         string  `json:"app"`         // "" is the data source's default
	Environment string  `json:"environment"` // "" is the data source's default, "*" spans all
	Metric      string  `json:"metric"`      // vitals: lcp … or a custom timing; requests: duration …; sessions: score …
	Measure     string  `json:"measure"`     // vitals: percentile, good, needsImprovement, poor; impact: percentile, poor
	Percentile  number  `json:"percentile"`  // in percent
	GroupBy     names   `json:"groupBy"`
	Filters     filters `json:"filters"`
	Format      string  `json:"format"`
	MinSamples  number  `json:"minSamples"`
	Limit       number  `json:"limit"`
	Compare     compare `json:"compare"`
	Dimension   string  `json:"dimension"` // variable: whose values
	Window      period  `json:"window"`    // errorBursts: how long now is
	Baseline    period  `json:"baseline"`  // errorBursts: how long before it is compared with
	SessionID   string  `json:"sessionId"` // session, traces: whose
	TraceID     string  `json:"traceId"`   // traces: which one
	Journey     string  `json:"journey"`   // journeys: which one; "" is all of them
	Exemplars   truth   `json:"exemplars"` // vitals, requests: also their worst samples with a trace
	Section     string  `json:"section"`   // journeys, telemetry: which part of the answer; evidence: which labels

	// AdHocFilters are a dashboard's own, for all its panels. Unlike Filters they are left out, with a notice, where only
	// other questions know their dimension: a deploy has no browser.
	AdHocFilters filters `json:"adHocFilters"`

	// Of is the type of question for which a variable lists values, where several have the dimension: "kind" is one
	// thing of a request and another of an action.
	Of string `json:"of"`
}

// DefaultMinSamples is how many samples a percentile needs before it is shown as a number. At 50 the rank error of a
// p75 is ±12 points (95 %).
const DefaultMinSamples = 50

// What a query may ask for at most. Anything larger is a mistake or an attack, and is refused before it costs anything.
const (
	maxQueryBytes   = 256 << 10
	maxGroupBy      = 3
	maxFilters      = 20
	maxFilterValues = 200
	maxValueLength  = 2048
	maxNameLength   = 256
)

// maxCells bounds segments × points (or histogram cells, of which a segment has up to a thousand) of an answer.
const maxCells = 500_000

// anyEnvironment is the environment that spans all of them.
const anyEnvironment = "*"

// templateAll is what an interpolated template variable holds when "All" is chosen and nothing replaced it.
const templateAll = "$__all"

// defaultEnvironment is meant when neither query nor data source name one.
const defaultEnvironment = "production"

var metricName = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,64}$`)

// question is a query with every default applied and everything checked, on its way to an answer.
type question struct {
	Query
	kind     *queryType
	groups   []dimension // GroupBy, resolved
	filters  []filter    // Filters and AdHocFilters, resolved, without those that filter nothing
	ignored  []string    // dimensions of AdHocFilters that this question does not know
	metric   metric
	window   window
	baseline window // what Compare compares with; empty without
	tiles    tiling // errorBursts: windows and baseline
	step     time.Duration
	limits   Limits
	refID    string
	enough   uint64                    // samples that make the value a number
	ids      bool                      // whether the caller may see whose visits these are
	few      uint64                    // page views that a cell has at least; 0 is any: few.go
	kept     map[string]*keptSegments  // few_segments.go
	sides    func(*statement) []string // conditions of what cells have numbers of, where these are not the windows
	replays  func(*statement) string   // journeys: the sessions that are counted in place of page views
	leftOut  bool                      // something of an answer rests on fewer page views
	allowed  appList
	tempo    Tempo
	store    Store
	executed []string
	plans    []*plan // how its windows are read: plan.go
}

// read turns the query JSON into a question or says what is wrong with it.
func read(dq backend.DataQuery, settings Settings) (*question, error) {
	if len(dq.JSON) > maxQueryBytes {
		return nil, badRequest("the query is %d bytes long, %d is the most", len(dq.JSON), maxQueryBytes)
	}
	q := question{refID: dq.RefID, limits: settings.Limits.withDefaults(), allowed: settings.Apps, tempo: settings.Tempo,
		store: settings.Store}
	if len(dq.JSON) > 0 {
		if err := json.Unmarshal(dq.JSON, &q.Query); err != nil {
			return nil, badRequest("reading the query: %v", err)
		}
	}
	if q.QueryType == "" {
		q.QueryType = dq.QueryType
	}
	if q.QueryType == "" {
		q.QueryType = queryTypes[0].name
	}
	var err error
	if q.kind, err = typeByName(q.QueryType); err != nil {
		return nil, err
	}
	if q.window, err = windowOf(dq.TimeRange); err != nil {
		return nil, err
	}
	q.step = stepFor(q.window, dq.Interval, dq.MaxDataPoints)
	for _, check := range []func(Settings) error{
		q.readFormat, q.readSection, q.readMetric, q.readMeasure, q.readDimension, q.readIDs, q.readGroups, q.readFilters,
		q.readApp, q.readEnvironment, q.readNumbers, q.readCompare, q.readTiling, q.readExemplars,
	} {
		if err := check(settings); err != nil {
			return nil, err
		}
	}
	return &q, nil
}

func (q *question) readFormat(Settings) error {
	if q.Format == "" {
		q.Format = q.kind.formats[0]
	}
	if !slices.Contains(q.kind.formats, q.Format) {
		return unknown("format", q.Format, q.kind.formats)
	}
	return nil
}

func (q *question) readSection(Settings) error {
	if len(q.kind.sections) == 0 {
		return nil
	}
	if q.Section == "" {
		q.Section = q.kind.sections[0]
	}
	if !slices.Contains(q.kind.sections, q.Section) {
		return unknown("section", q.Section, q.kind.sections)
	}
	return nil
}

func (q *question) readMetric(Settings) error {
	if own := q.kind.metrics; len(own) > 0 {
		if q.Metric == "" {
			q.Metric = own[0]
		}
		if !slices.Contains(own, q.Metric) {
			return unknown("metric", q.Metric, named(own))
		}
		return nil
	}
	if !q.kind.vital {
		return nil
	}
	if q.Metric == "" {
		q.Metric = rum.Metrics[0].Key
	}
	if m, ok := rum.MetricByKey(strings.ToLower(q.Metric)); ok {
		q.Metric, q.metric = m.Key, metric{Metric: m, rated: true}
		return nil
	}
	if !metricName.MatchString(q.Metric) {
		return unknown("metric", q.Metric, metricKeys())
	}
	q.metric = metric{Metric: rum.Metric{Key: q.Metric, Name: q.Metric, Unit: "ms"}}
	return nil
}

// What of a metric is asked for; vitals know shares of other ratings, too.
const (
	measurePercentile = "percentile"
	measurePoor       = "poor"
)

func (q *question) readMeasure(Settings) error {
	if len(q.kind.measures) == 0 {
		return nil
	}
	if q.Measure == "" {
		q.Measure = q.kind.measures[0]
	}
	if !slices.Contains(q.kind.measures, q.Measure) {
		return unknown("measure", q.Measure, q.kind.measures)
	}
	if !q.metric.rated && q.Measure != measurePercentile {
		return badRequest("measure %q: only Web Vitals are rated, which %s is not; ask for the percentile", q.Measure, q.Metric)
	}
	return nil
}

func (q *question) readDimension(Settings) error {
	if q.kind.name != "variable" {
		return nil
	}
	if q.Dimension == "" {
		return badRequest("variable needs a dimension, one of: %s", strings.Join(variableKeys(), ", "))
	}
	if !slices.Contains(variableKeys(), q.Dimension) {
		return unknown("dimension", q.Dimension, variableKeys())
	}
	return nil
}

func (q *question) readGroups(Settings) error {
	if q.kind.table == "" || len(q.GroupBy) == 0 {
		return nil
	}
	if len(q.GroupBy) > maxGroupBy {
		return badRequest("groupBy has %d dimensions, %d is the most", len(q.GroupBy), maxGroupBy)
	}
	for _, key := range q.GroupBy {
		d, err := q.dimension(key)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(q.groups, func(g dimension) bool { return g.key == key }) {
			return badRequest("groupBy names %q twice", key)
		}
		q.groups = append(q.groups, d)
	}
	return nil
}

func (q *question) readFilters(Settings) error {
	if n := len(q.Filters) + len(q.AdHocFilters); n > maxFilters {
		return badRequest("%d filters, %d is the most", n, maxFilters)
	}
	applicable := q.Filters
	for _, f := range q.AdHocFilters {
		if _, err := q.dimension(f.Key); err != nil && anyTypeKnows(f.Key) {
			q.ignored = append(q.ignored, f.Key)
		} else {
			applicable = append(applicable[:len(applicable):len(applicable)], f)
		}
	}
	for _, f := range applicable {
		d, err := q.dimension(f.Key)
		if err != nil {
			return err
		}
		resolved, err := f.resolve(d)
		if err != nil {
			return err
		}
		q.filters = append(q.filters, resolved)
	}
	return nil
}

// dimension resolves a key against the table this question reads.
func (q *question) dimension(key string) (dimension, error) {
	from := q.kind.table
	if q.kind.name == "variable" {
		from = q.variableTable()
	}
	return dimensionByKey(from, key)
}

func (q *question) readApp(settings Settings) error {
	if q.kind.name == "variable" && q.Dimension == "app" {
		return nil
	}
	if q.App == "" && q.TraceID != "" {
		return nil // a trace id leads from a trace to whichever app it is of
	}
	if q.App == "" {
		q.App = settings.DefaultApp
	}
	if q.App == "" && len(settings.Apps) == 1 {
		q.App = settings.Apps[0]
	}
	switch {
	case q.App == "":
		return badRequest(`no app: name one in the query ("app") or set defaultApp in the data source`)
	case q.App == "*" || q.App == templateAll:
		return badRequest("app %q: an answer covers one app, name it", q.App)
	case len(q.App) > maxNameLength || !utf8.ValidString(q.App):
		return badRequest("app: at most %d bytes of UTF-8", maxNameLength)
	case !q.allowed.allow(q.App):
		return forbidden("app %q is not one this data source may answer for (its setting apps: %s)",
			q.App, strings.Join(settings.Apps, ", "))
	}
	return nil
}

// appList are the apps a data source may answer for; empty means any.
type appList []string

func (l appList) allow(app string) bool { return len(l) == 0 || slices.Contains(l, app) }

func (q *question) readEnvironment(settings Settings) error {
	switch {
	case q.Environment == templateAll:
		q.Environment = anyEnvironment
	case q.Environment == "" && q.kind.name == "variable" && q.Dimension == "environment":
		q.Environment = anyEnvironment
	case q.Environment == "" && q.namesOne():
		q.Environment = anyEnvironment
	case q.Environment == "" && slices.ContainsFunc(q.filters, filter.choosesEnvironment):
		// A filter that picks environments is the query saying so.
		q.Environment = anyEnvironment
	case q.Environment == "" && settings.DefaultEnvironment != "":
		q.Environment = settings.DefaultEnvironment
	case q.Environment == "":
		q.Environment = defaultEnvironment
	}
	if len(q.Environment) > maxNameLength || !utf8.ValidString(q.Environment) {
		return badRequest("environment: at most %d bytes of UTF-8", maxNameLength)
	}
	return nil
}

func (q *question) readNumbers(settings Settings) error {
	if q.Percentile == 0 {
		q.Percentile = 75
	}
	if q.Percentile < 1 || q.Percentile > 99.9 {
		return badRequest("percentile %v: between 1 and 99.9", q.Percentile)
	}
	if q.MinSamples < 0 || q.MinSamples > 1e9 {
		return badRequest("minSamples %v: a number of samples, from 1", q.MinSamples)
	}
	switch {
	case q.MinSamples >= 1:
		q.enough = uint64(q.MinSamples)
	case settings.MinSamples > 0:
		q.enough = uint64(settings.MinSamples)
	default:
		q.enough = DefaultMinSamples
	}
	if q.Limit < 0 {
		return badRequest("limit %v: a number of rows, from 1", q.Limit)
	}
	if q.Limit < 1 {
		q.Limit = number(q.kind.limitOf(q.Format))
	}
	q.Limit = min(q.Limit, number(q.limits.MaxRows))
	switch q.Format {
	case formatSeries:
		q.Limit = min(q.Limit, number(maxCells/len(q.window.grid(q.step))))
	case formatDistribution:
		q.Limit = min(q.Limit, maxCells/1000)
	}
	return nil
}

func (q *question) limit() int { return int(q.Limit) }

// level is the percentile as a share, 0 … 1.
func (q *question) level() float64 { return float64(q.Percentile) / 100 }

// percentileName is the percentile as people write it: p75, p99.9.
func (q *question) percentileName() string { return fmt.Sprintf("p%v", float64(q.Percentile)) }

// metric is what a vitals query asks for; rated says that it is a Web Vital with thresholds.
type metric struct {
	rum.Metric
	rated bool
}

func metricKeys() []string {
	keys := make([]string, 0, len(rum.Metrics))
	for _, m := range rum.Metrics {
		keys = append(keys, m.Key)
	}
	return keys
}
