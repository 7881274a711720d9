package query

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// grafanasFields are those that Grafana puts into every query of a data source.
var grafanasFields = []string{"refId", "datasource", "datasourceId", "hide", "key", "intervalMs", "maxDataPoints", "timeRange"}

// fields are those of a query.
var fields = func() (names []string) {
	query := reflect.TypeFor[Query]()
	for i := range query.NumField() {
		names = append(names, query.Field(i).Tag.Get("json"))
	}
	return append(names, grafanasFields...)
}()

// Unknown names the fields of a query in JSON that no question has, sorted. A question leaves them out without a word, since a
// panel may have been made by a newer plugin; whoever writes a query by hand wants to know.
func Unknown(raw []byte) (unknown []string) {
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return nil // the question says what is wrong
	}
	for name := range given {
		if !slices.ContainsFunc(fields, func(known string) bool { return strings.EqualFold(known, name) }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
