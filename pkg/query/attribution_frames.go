package query

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// culprits make columns: a value of each row.
type culprits []*culprit

func (all culprits) text(name, people string, of func(*culprit) string) *data.Field {
	values := make([]string, 0, len(all))
	for _, c := range all {
		values = append(values, of(c))
	}
	return column(name, people, unitNone, values)
}

func (all culprits) count(name, people string, of func(*culprit) uint64) *data.Field {
	values := make([]int64, 0, len(all))
	for _, c := range all {
		values = append(values, int64(of(c)))
	}
	return column(name, people, unitShort, values)
}

func (all culprits) number(name, people, unit string, of func(*culprit) *float64) *data.Field {
	values := make([]*float64, 0, len(all))
	for _, c := range all {
		values = append(values, of(c))
	}
	return column(name, people, unit, values)
}

// attributionTable has a cause a row. Fields of metrics that were not asked about are left out.
func (q *question) attributionTable(all culprits) *data.Frame {
	asked := q.attributed()
	fields := append(q.causeColumns(all), q.measureColumns(all)...)
	if !q.baseline.empty() {
		fields = append(fields, q.changeColumns(all)...)
	}
	for _, field := range fields {
		if field.Type() == data.FieldTypeNullableFloat64 {
			field.Config.NoValue = "not enough data"
		}
	}
	if q.Metric != attributeBlocking {
		fields = append(fields, q.partColumns(all)...)
	}
	if slices.Contains(asked, "inp") {
		fields = append(fields,
			all.number("scriptShare", "Share of the poor views that name a script", unitShare, func(c *culprit) *float64 {
				return pointerIf(c.told.scriptSamples > 0 && c.told.script != "", c.told.scriptShare)
			}),
			all.count("scriptSamples", "Poor views that name a script", func(c *culprit) uint64 { return c.told.scriptSamples }))
	}
	if slices.Contains(asked, attributeBlocking) {
		fields = append(fields, exposureColumns(all)...)
	}
	if slices.Contains(asked, "inp") || slices.Contains(asked, attributeBlocking) {
		fields = append(fields, all.text("invoker", "Invoker", func(c *culprit) string { return c.told.invoker }))
	}
	return newFrame(data.FrameTypeTable, append(fields,
		all.text("dominant", "Mostly", func(c *culprit) string {
			if i := c.dominant(q); i >= 0 {
				return partsOf[c.metric.Key][i].name
			}
			return ""
		}),
		all.text("todo", "What to do", func(c *culprit) string { return c.todo(q) }))...)
}

// causeColumns say which segment and what is to blame.
func (q *question) causeColumns(all culprits) []*data.Field {
	fields := []*data.Field{all.text("metric", "Metric", func(c *culprit) string { return c.metric.Key })}
	for _, d := range q.segmentDimensions() {
		fields = append(fields, all.text(d.key, d.name, func(c *culprit) string { v, _ := c.valueOf(d.key); return v }))
	}
	return append(fields,
		all.text("element", "Element", func(c *culprit) string { return c.causeOf("element", c.told.element) }),
		all.text("script", "Script", func(c *culprit) string { return c.causeOf("script", c.told.script) }),
		all.text("party", "Party", func(c *culprit) string { return c.causeOf("party", c.told.party) }))
}

// measureColumns say how bad it is, and how much of it a row is responsible for.
func (q *question) measureColumns(all culprits) []*data.Field {
	value := all.number("value", q.attributedName()+" "+q.percentileName(), q.attributedUnit(), func(c *culprit) *float64 {
		return pointerIf(c.samples >= q.enough, c.value)
	})
	if m, ok := rum.MetricByKey(q.Metric); ok {
		value.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
	}
	responsibility := all.number("responsibility", "Share of all poor views", unitShare, func(c *culprit) *float64 {
		return pointerIf(q.enoughPoor(c.allSeen), c.responsibility())
	})
	responsibility.Config.Description = "How much of all poor views of the metric this is responsible for. A blocking " +
		"script is responsible for the poor views beyond those there would be without it."
	return []*data.Field{value,
		all.count("samples", "Samples", func(c *culprit) uint64 { return c.samples }),
		all.number("views", "Views", unitShort, func(c *culprit) *float64 {
			return pointerIf(true, float64(c.weight)/rum.FullWeight)
		}),
		all.number("poor", "Poor", unitShare, func(c *culprit) *float64 {
			return pointerIf(c.samples >= q.enough, c.poorShare())
		}),
		all.number("poorViews", "Poor views it is responsible for", unitShort, func(c *culprit) *float64 {
			return pointerIf(true, c.poorViews/rum.FullWeight)
		}),
		responsibility}
}

// changeColumns hold the percentile and the poor share against those of the window compared with.
func (q *question) changeColumns(all culprits) []*data.Field {
	against := func(of func(now, before *culprit) float64) func(*culprit) *float64 {
		return func(c *culprit) *float64 {
			if c.before == nil || c.samples < q.enough || c.before.samples < q.enough {
				return nil
			}
			return pointerIf(true, of(c, c.before))
		}
	}
	return []*data.Field{
		all.number("change", "Change", unitShare, against(func(now, before *culprit) float64 {
			return now.value/before.value - 1
		})),
		all.number("poorChange", "Change of the poor share", unitShare, against(func(now, before *culprit) float64 {
			return now.poorShare() - before.poorShare()
		})),
	}
}

// partColumns are what a typical poor view of each row is made of.
func (q *question) partColumns(all culprits) []*data.Field {
	fields := []*data.Field{all.number("poorValue", "Typical poor value", q.attributedUnit(), func(c *culprit) *float64 {
		return pointerIf(q.enoughPoor(c.told.parts.samples), c.told.parts.value)
	})}
	for _, key := range q.attributed() {
		unit := unitMilliseconds
		if key == "cls" {
			unit = "none"
		}
		for i, p := range partsOf[key] {
			fields = append(fields, all.number(p.field, strings.ToUpper(key)+" "+p.name, unit, func(c *culprit) *float64 {
				if c.metric.Key != key || !q.enoughPoor(c.told.parts.samples) {
					return nil
				}
				return pointerIf(true, c.told.parts.means[i])
			}))
		}
	}
	return fields
}

// exposureColumns hold a script's share of the poor views against its share of the good ones.
func exposureColumns(all culprits) []*data.Field {
	exposed := func(of func(*exposure) float64) func(*culprit) *float64 {
		return func(c *culprit) *float64 {
			if c.blocking == nil {
				return nil
			}
			return pointerIf(true, of(c.blocking))
		}
	}
	return []*data.Field{
		all.number("inPoor", "Blocks in poor views", unitShare, exposed((*exposure).inPoor)),
		all.number("inGood", "Blocks in good views", unitShare, exposed((*exposure).inGood)),
		all.number("lift", "Lift", unitNone, exposed(func(e *exposure) float64 { return e.lift })),
	}
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
