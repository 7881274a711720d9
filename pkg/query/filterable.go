package query

import "github.com/grafana/grafana-plugin-sdk-go/data"

// offerFilters marks the columns of a table whose values the question can be filtered on, so that Grafana offers "Filter
// for value" in their cells: on a dashboard as an ad hoc filter, in Explore as a filter of the query.
func (q *question) offerFilters(frames data.Frames) {
	if q.Format != formatTable {
		return
	}
	filterable := map[string]bool{}
	for _, d := range dimensionsOf(q.kind.table) {
		filterable[d.key] = true
	}
	for _, frame := range frames {
		for _, field := range frame.Fields {
			if field.Type() == data.FieldTypeString && filterable[field.Name] && field.Config != nil {
				field.Config.SetFilterable(true)
			}
		}
	}
}
