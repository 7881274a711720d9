package query

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// operators of a filter. With several values, = and =~ mean any of them, != and !~ none of them. A regular expression
// has to match the whole value, as in Prometheus and Loki: "Chrome" does not take in "Chrome Mobile".
var operators = []string{"=", "!=", "=~", "!~"}

// filter is a checked filter on a known dimension. Without values it filters nothing.
type filter struct {
	dimension
	operator string
	values   []string
	idle     bool     // it is not applied, as it would take away too few: few_filters.go
	rare     []string // values that do not match although they would: few_filters.go
}

func (f writtenFilter) resolve(d dimension) (filter, error) {
	if !slices.Contains(operators, f.Operator) {
		return filter{}, unknown("operator", f.Operator, operators)
	}
	if len(f.Values) > maxFilterValues {
		return filter{}, badRequest("the filter on %s has %d values, %d is the most", d.key, len(f.Values), maxFilterValues)
	}
	if slices.Contains(f.Values, templateAll) {
		return filter{dimension: d, operator: f.Operator}, nil
	}
	for _, value := range f.Values {
		if len(value) > maxValueLength || !utf8.ValidString(value) {
			return filter{}, badRequest("a value of the filter on %s: at most %d bytes of UTF-8", d.key, maxValueLength)
		}
		if !strings.HasSuffix(f.Operator, "~") {
			continue
		}
		if _, err := regexp.Compile(value); err != nil {
			return filter{}, badRequest("the filter on %s: %v", d.key, err)
		}
	}
	return filter{dimension: d, operator: f.Operator, values: f.Values}, nil
}

func (f filter) choosesEnvironment() bool {
	return f.key == "environment" && f.operator == "="
}

// condition is the filter as SQL, or empty when it filters nothing.
func (f filter) condition(s *statement) string {
	if len(f.values) == 0 || f.idle {
		return ""
	}
	subject := f.expr
	if f.many {
		subject = "x"
	}
	placeholders := make([]string, 0, len(f.values))
	for _, value := range f.values {
		if strings.HasSuffix(f.operator, "~") {
			value = "^(?:" + value + ")$"
		}
		placeholder := s.bind(f.key, "String", value)
		if strings.HasSuffix(f.operator, "~") {
			placeholder = fmt.Sprintf("match(%s, %s)", subject, placeholder)
		}
		placeholders = append(placeholders, placeholder)
	}
	matches := fmt.Sprintf("%s IN (%s)", subject, strings.Join(placeholders, ", "))
	if strings.HasSuffix(f.operator, "~") {
		// Added up and not joined by OR, of which ClickHouse 26.7 makes one search for several patterns: it fails where the
		// subject is an aggregate, as in sessions.
		matches = "(" + strings.Join(placeholders, " + ")
		if len(placeholders) > 1 {
			matches += " > 0"
		}
		matches += ")"
	}
	if f.many {
		matches = fmt.Sprintf("arrayExists(x -> %s, %s)", matches, f.expr)
	}
	if len(f.rare) > 0 {
		rare := make([]string, 0, len(f.rare))
		for _, value := range f.rare[:min(len(f.rare), mostRare)] {
			rare = append(rare, s.bind(f.key, "String", value))
		}
		matches = fmt.Sprintf("(%s AND %s NOT IN (%s))", matches, f.expr, strings.Join(rare, ", "))
	}
	if strings.HasPrefix(f.operator, "!") {
		matches = "NOT " + matches
	}
	return matches
}

// conditions are all filters of a question as SQL. Bots and synthetic runs stay out unless the question is about
// traffic (it filters on it, or groups by it), or about one visit whoever made it.
func (q *question) conditions(s *statement) []string {
	var all []string
	traffic := slices.ContainsFunc(q.groups, func(d dimension) bool { return d.key == "traffic" })
	for _, f := range q.filters {
		traffic = traffic || f.key == "traffic"
		if condition := f.condition(s); condition != "" {
			all = append(all, condition)
		}
	}
	if !traffic && !q.namesOne() && !(q.kind.name == "variable" && q.Dimension == "traffic") {
		d, err := q.dimension("traffic")
		if err == nil {
			all = append(all, fmt.Sprintf("%s = %s", d.expr, s.bind("traffic", "String", rum.TrafficReal)))
		}
	}
	return all
}

// matches says whether a value passes the filter, for what is chosen before the store is asked. Without values it does.
func (f filter) matches(value string) bool {
	if len(f.values) == 0 {
		return true
	}
	found := slices.ContainsFunc(f.values, func(one string) bool {
		if !strings.HasSuffix(f.operator, "~") {
			return one == value
		}
		whole, err := regexp.Compile("^(?:" + one + ")$")
		return err == nil && whole.MatchString(value)
	})
	return found != strings.HasPrefix(f.operator, "!")
}
