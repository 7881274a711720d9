package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// What an attribution may be of, beside the three vitals. All of them ranked together is the default.
const (
	attributeAll      = "all"
	attributeBlocking = "blocking"
)

// attributable are the metrics of an attribution, the default first.
var attributable = []string{attributeAll, "lcp", "inp", "cls", attributeBlocking}

// causes are the dimensions that say what is to blame rather than who is hit.
var causes = []string{"element", "script", "party"}

// attribution answers what to fix first: the elements, interaction targets and scripts behind the poor views, each with
// the share of all poor views it is responsible for. A row is a segment and a cause; the causes behind the most poor
// views come first, whatever the metric.
func askAttribution(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	var all []*culprit
	var notices []data.Notice
	cut := false
	for _, key := range q.attributed() {
		of, err := q.attributionOf(key)
		if err != nil {
			return nil, err
		}
		var found []*culprit
		if key == attributeBlocking {
			var said []data.Notice
			found, said, err = of.blockingCulprits(ctx, conn)
			notices = append(notices, said...)
		} else {
			found, err = of.vitalCulprits(ctx, conn)
		}
		q.executed = append(q.executed, of.executed...)
		if err != nil {
			return nil, err
		}
		all, cut = append(all, found...), cut || len(found) > q.limit()
	}
	if q.Metric == attributeAll {
		all = slices.DeleteFunc(all, func(c *culprit) bool { return c.poorViews == 0 })
	}
	slices.SortStableFunc(all, func(a, b *culprit) int { return cmp.Compare(b.poorViews, a.poorViews) })
	if len(all) > q.limit() {
		all, cut = all[:q.limit()], true
	}
	frame := q.attributionTable(all)
	frame.AppendNotices(around...)
	frame.AppendNotices(notices...)
	if cut {
		frame.AppendNotices(q.cutNotice("causes"))
	}
	return data.Frames{frame}, nil
}

// culprit is one row of the answer. Weights are in thousandths of a view.
type culprit struct {
	ranked              // the p75 and what it rests on; the key is the segment's and the cause's
	metric  rum.Metric  // of blocking: the milliseconds a script blocks a view for
	groups  []dimension // what the key is of
	told    poorTold    // what the poor views tell beside the key
	before  *culprit    // the same in the window compared with; nil when it had none
	poor    float64     // weight of the poor views
	allPoor float64     // weight of all poor views of the metric that the question covers
	allSeen uint64      // how many those are

	// poorViews is the weight of the poor views this is held responsible for: all of its own, or, of a blocking script,
	// those beyond what happens without it.
	poorViews float64
	blocking  *exposure // of blocking only
}

// poorTold is what a row says beside its key: of all its poor views, the script named most often, and their sub-parts.
type poorTold struct {
	element, script, party, invoker string
	scriptShare                     float64 // of the poor views that name a script
	scriptSamples                   uint64  // poor views that name any
	scriptWeight, scriptSquare      float64 // sums of their weights and of the squares
	parts                           partsTold
}

// poorShare is how many of the row's own views are poor.
func (c *culprit) poorShare() float64 { return c.poor / float64(c.weight) }

// responsibility is the share of all poor views that the row answers for.
func (c *culprit) responsibility() float64 { return c.poorViews / c.allPoor }

// attributed are the metrics asked about, one after the other.
func (q *question) attributed() []string {
	if q.Metric == attributeAll {
		return attributable[1:]
	}
	return []string{q.Metric}
}

// attributionOf is the question about one metric. Its rows are by cause: unless the question names one, by element for
// a vital and by script for blocking; without any groups the route comes first, since that is where a fix is made.
func (q *question) attributionOf(key string) (*question, error) {
	of := *q
	of.executed = nil
	cause := "element"
	of.metric = metric{Metric: rum.Metric{Key: key, Name: "Blocking", Unit: unitMilliseconds}}
	if key == attributeBlocking {
		cause = "script"
	} else if m, ok := rum.MetricByKey(key); ok {
		of.metric = metric{Metric: m, rated: true}
	}
	var add []string
	if len(q.groups) == 0 {
		add = append(add, "route")
	}
	if !slices.ContainsFunc(causes, q.groupsBy) {
		add = append(add, cause)
	}
	of.groups = slices.Clone(q.groups)
	for _, name := range add {
		d, err := q.dimension(name)
		if err != nil {
			return nil, err
		}
		of.groups = append(of.groups, d)
	}
	return &of, nil
}

// causeless is the question without its filters on causes: what all poor views are counted among. A filter on a script
// should show that script's share of the poor views, not the whole of its own.
func (q *question) causeless() *question {
	all := *q
	all.executed, all.groups = nil, nil
	all.filters = slices.DeleteFunc(slices.Clone(q.filters), func(f filter) bool { return slices.Contains(causes, f.key) })
	return &all
}

// valueOf is a culprit's value of a dimension it is grouped by.
func (c *culprit) valueOf(key string) (string, bool) {
	for i, d := range c.groups {
		if d.key == key {
			return c.key[i], true
		}
	}
	return "", false
}
