package query

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// attributionTable has a cause a row. Fields of metrics that were not asked about are left out.
func (q *question) attributionTable(culprits []*culprit) *data.Frame {
	text := func(name, people string, of func(*culprit) string) *data.Field {
		values := make([]string, 0, len(culprits))
		for _, c := range culprits {
			values = append(values, of(c))
		}
		return column(name, people, unitNone, values)
	}
	number := func(name, people, unit string, of func(*culprit) *float64) *data.Field {
		values := make([]*float64, 0, len(culprits))
		for _, c := range culprits {
			values = append(values, of(c))
		}
		field := column(name, people, unit, values)
		field.Config.NoValue = "not enough data"
		return field
	}
	count := func(name, people string, of func(*culprit) uint64) *data.Field {
		values := make([]int64, 0, len(culprits))
		for _, c := range culprits {
			values = append(values, int64(of(c)))
		}
		return column(name, people, unitShort, values)
	}
	enough := func(c *culprit) bool { return c.samples >= q.enough }

	fields := []*data.Field{text("metric", "Metric", func(c *culprit) string { return c.metric.Key })}
	for _, d := range q.segmentDimensions() {
		fields = append(fields, text(d.key, d.name, func(c *culprit) string { v, _ := c.valueOf(d.key); return v }))
	}
	fields = append(fields,
		text("element", "Element", func(c *culprit) string { return c.causeOf("element", c.told.element) }),
		text("script", "Script", func(c *culprit) string { return c.causeOf("script", c.told.script) }),
		text("party", "Party", func(c *culprit) string { return c.causeOf("party", c.told.party) }))

	value := number("value", q.attributedName()+" "+q.percentileName(), q.attributedUnit(), func(c *culprit) *float64 {
		return pointerIf(enough(c), c.value)
	})
	if m, ok := rum.MetricByKey(q.Metric); ok {
		value.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
	}
	responsibility := number("responsibility", "Share of all poor views", unitShare, func(c *culprit) *float64 {
		return pointerIf(q.enoughPoor(c.allSeen), c.responsibility())
	})
	responsibility.Config.Description = "How much of all poor views of the metric this is responsible for. A blocking " +
		"script is responsible for the poor views beyond those there would be without it."
	fields = append(fields, value,
		count("samples", "Samples", func(c *culprit) uint64 { return c.samples }),
		number("views", "Views", unitShort, func(c *culprit) *float64 {
			return pointerIf(true, float64(c.weight)/rum.FullWeight)
		}),
		number("poor", "Poor", unitShare, func(c *culprit) *float64 { return pointerIf(enough(c), c.poorShare()) }),
		number("poorViews", "Poor views it is responsible for", unitShort, func(c *culprit) *float64 {
			return pointerIf(true, c.poorViews/rum.FullWeight)
		}),
		responsibility)
	if !q.baseline.empty() {
		known := func(c *culprit) bool { return enough(c) && c.before != nil && c.before.samples >= q.enough }
		fields = append(fields,
			number("change", "Change", unitShare, func(c *culprit) *float64 {
				if !known(c) {
					return nil
				}
				return pointerIf(true, c.value/c.before.value-1)
			}),
			number("poorChange", "Change of the poor share", unitShare, func(c *culprit) *float64 {
				if !known(c) {
					return nil
				}
				return pointerIf(true, c.poorShare()-c.before.poorShare())
			}))
	}
	asked := q.attributed()
	if q.Metric != attributeBlocking {
		fields = append(fields, number("poorValue", "Typical poor value", q.attributedUnit(), func(c *culprit) *float64 {
			return pointerIf(q.enoughPoor(c.told.parts.samples), c.told.parts.value)
		}))
	}
	for _, key := range asked {
		for i, p := range partsOf[key] {
			unit := unitMilliseconds
			if key == "cls" {
				unit = "none"
			}
			field := number(p.field, strings.ToUpper(key)+" "+p.name, unit, func(c *culprit) *float64 {
				if c.metric.Key != key || !q.enoughPoor(c.told.parts.samples) {
					return nil
				}
				return pointerIf(true, c.told.parts.means[i])
			})
			field.Config.NoValue = ""
			fields = append(fields, field)
		}
	}
	if slices.Contains(asked, "inp") {
		fields = append(fields,
			number("scriptShare", "Share of the poor views that name a script", unitShare, func(c *culprit) *float64 {
				return pointerIf(c.told.scriptSamples > 0 && c.told.script != "", c.told.scriptShare)
			}),
			count("scriptSamples", "Poor views that name a script", func(c *culprit) uint64 { return c.told.scriptSamples }))
	}
	if slices.Contains(asked, attributeBlocking) {
		exposed := func(of func(*exposure) float64) func(*culprit) *float64 {
			return func(c *culprit) *float64 {
				if c.blocking == nil {
					return nil
				}
				return pointerIf(true, of(c.blocking))
			}
		}
		fields = append(fields,
			number("inPoor", "Blocks in poor views", unitShare, exposed((*exposure).inPoor)),
			number("inGood", "Blocks in good views", unitShare, exposed((*exposure).inGood)),
			number("lift", "Lift", unitNone, exposed(func(e *exposure) float64 { return e.lift })))
	}
	if slices.Contains(asked, "inp") || slices.Contains(asked, attributeBlocking) {
		fields = append(fields, text("invoker", "Invoker", func(c *culprit) string { return c.told.invoker }))
	}
	return newFrame(data.FrameTypeTable, append(fields,
		text("dominant", "Mostly", func(c *culprit) string {
			if i := c.dominant(q); i >= 0 {
				return partsOf[c.metric.Key][i].name
			}
			return ""
		}),
		text("todo", "What to do", func(c *culprit) string { return c.todo(q) }))...)
}

// segmentDimensions are those the rows have beside their cause.
func (q *question) segmentDimensions() []dimension {
	if len(q.groups) == 0 {
		d, _ := q.dimension("route")
		return []dimension{d}
	}
	return slices.DeleteFunc(slices.Clone(q.groups), func(d dimension) bool { return slices.Contains(causes, d.key) })
}

// causeOf is a row's own value of a cause, or what its poor views name most often.
func (c *culprit) causeOf(key, often string) string {
	if value, ok := c.valueOf(key); ok {
		return value
	}
	return often
}

// attributedName and attributedUnit are what the percentile is of; ranked together, metrics have no unit in common.
func (q *question) attributedName() string {
	if m, ok := rum.MetricByKey(q.Metric); ok {
		return m.Name
	}
	if q.Metric == attributeBlocking {
		return "Blocking time of a view"
	}
	return "Value"
}

func (q *question) attributedUnit() string {
	if m, ok := rum.MetricByKey(q.Metric); ok {
		return m.Unit
	}
	if q.Metric == attributeBlocking {
		return unitMilliseconds
	}
	return unitNone
}
