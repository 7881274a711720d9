package query

import (
	"slices"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Description is what can be asked, for editors and for people: the same tables that queries are checked against.
type Description struct {
	QueryTypes []TypeDescription   `json:"queryTypes"`
	Metrics    []MetricDescription `json:"metrics"`
	Operators  []string            `json:"operators"`
}

// TypeDescription is one query type. The first format is the default; dimensions are what it groups by and filters on.
// Metrics are named where a type has its own instead of the Web Vitals, and sections where its table is one part of
// several of the answer, the default first. Alertable are the formats that an alert rule can evaluate; Groups says that
// groupBy splits the answer, Compares that its table can be held against another time, Exemplars that its series and
// tables can name their worst samples.
type TypeDescription struct {
	Name         string                 `json:"name"`
	Formats      []string               `json:"formats"`
	Dimensions   []DimensionDescription `json:"dimensions"`
	Metrics      []string               `json:"metrics,omitempty"`
	Measures     []string               `json:"measures,omitempty"`
	Sections     []string               `json:"sections,omitempty"`
	SessionLevel bool                   `json:"sessionLevel"`
	Alertable    []string               `json:"alertable"`
	Groups       bool                   `json:"groups"`
	Compares     bool                   `json:"compares"`
	Exemplars    bool                   `json:"exemplars"`
}

// DimensionDescription is a dimension's key in the query JSON and its name for people.
type DimensionDescription struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// MetricDescription is a Web Vital; thresholds are in its unit.
type MetricDescription struct {
	Key  string  `json:"key"`
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	Good float64 `json:"good"`
	Poor float64 `json:"poor"`
}

// named are the metrics that have a name: without one, a query is about all of them.
func named(metrics []string) []string {
	return slices.DeleteFunc(slices.Clone(metrics), func(key string) bool { return key == "" })
}

// alertable are the formats of which alert rules make numbers. Rules are for everybody who reads their messages, so
// single sessions have none.
func (t *queryType) alertable() []string {
	formats := []string{}
	for _, format := range t.formats {
		if !t.sessionLevel && (format == formatSeries || format == formatNumeric) {
			formats = append(formats, format)
		}
	}
	return formats
}

// Describe lists everything a query can name. A variable's dimensions are those whose values it can list.
func Describe() Description {
	d := Description{Operators: operators}
	for _, t := range queryTypes {
		described := TypeDescription{Name: t.name, Formats: t.formats, SessionLevel: t.sessionLevel, Sections: t.sections}
		if t.name == "variable" {
			for _, key := range variableKeys() {
				name := key
				if found, err := dimensionByKey(variableTable(key), key); err == nil {
					name = found.name
				}
				described.Dimensions = append(described.Dimensions, DimensionDescription{key, name})
			}
		} else {
			for _, dimension := range dimensionsOf(t.table) {
				described.Dimensions = append(described.Dimensions, DimensionDescription{dimension.key, dimension.name})
			}
		}
		described.Alertable = t.alertable()
		described.Metrics, described.Measures = named(t.metrics), t.measures
		described.Groups = !t.lists
		described.Compares = t.compares
		described.Exemplars = t.hasExemplars()
		d.QueryTypes = append(d.QueryTypes, described)
	}
	for _, m := range rum.Metrics {
		d.Metrics = append(d.Metrics, MetricDescription{m.Key, m.Name, m.Unit, m.Good, m.Poor})
	}
	return d
}
