package alerts

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

// Grafana's expressions cannot be had as a library without all of Grafana. What follows is the part of its math that
// the rules use, written from pkg/expr/mathexp of Grafana 10.1: numbers with labels, joined where one has all labels
// of the other.

// number is a value with its labels.
type number struct {
	labels data.Labels
	value  float64
}

var reference = regexp.MustCompile(`\$(\w+)`)

// references are the refIds an expression uses.
func references(expression string) []string {
	var all []string
	for _, found := range reference.FindAllStringSubmatch(expression, -1) {
		all = append(all, found[1])
	}
	return all
}

// evaluate works a math expression out. Its operators bind as Go's do, so that Go's parser reads it.
func evaluate(expression string, values map[string][]number) ([]number, error) {
	tree, err := parser.ParseExpr(reference.ReplaceAllString(expression, "$1"))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", expression, err)
	}
	return walk(tree, values)
}

func walk(node ast.Expr, values map[string][]number) ([]number, error) {
	switch n := node.(type) {
	case *ast.ParenExpr:
		return walk(n.X, values)
	case *ast.Ident:
		found, ok := values[n.Name]
		if !ok {
			return nil, fmt.Errorf("nothing is called %s", n.Name)
		}
		return found, nil
	case *ast.BasicLit:
		value, err := strconv.ParseFloat(n.Value, 64)
		return []number{{value: value}}, err
	case *ast.BinaryExpr:
		left, err := walk(n.X, values)
		if err != nil {
			return nil, err
		}
		right, err := walk(n.Y, values)
		if err != nil {
			return nil, err
		}
		return join(left, right, n.Op)
	}
	return nil, fmt.Errorf("expressions of the kind %T are not known here", node)
}

// join pairs the numbers of both sides. What finds no partner is gone, unless there is only one on each side: then
// their labels are.
func join(left, right []number, operator token.Token) ([]number, error) {
	var joined []number
	pair := func(labels data.Labels, a, b float64) error {
		value, err := operate(operator, a, b)
		joined = append(joined, number{labels, value})
		return err
	}
	for _, a := range left {
		for _, b := range right {
			labels := a.labels
			switch {
			case len(a.labels) == 0:
				labels = b.labels
			case len(b.labels) == 0, maps.Equal(a.labels, b.labels):
			case len(a.labels) == len(b.labels):
				continue
			case a.labels.Contains(b.labels):
			case b.labels.Contains(a.labels):
				labels = b.labels
			default:
				continue
			}
			if err := pair(labels, a.value, b.value); err != nil {
				return nil, err
			}
		}
	}
	if len(joined) == 0 && len(left) == 1 && len(right) == 1 {
		return joined, pair(nil, left[0].value, right[0].value)
	}
	return joined, nil
}

func operate(operator token.Token, a, b float64) (float64, error) {
	truth := func(is bool) (float64, error) {
		if is {
			return 1, nil
		}
		return 0, nil
	}
	switch operator {
	case token.ADD:
		return a + b, nil
	case token.SUB:
		return a - b, nil
	case token.MUL:
		return a * b, nil
	case token.QUO:
		return a / b, nil
	case token.GTR:
		return truth(a > b)
	case token.GEQ:
		return truth(a >= b)
	case token.LSS:
		return truth(a < b)
	case token.LEQ:
		return truth(a <= b)
	case token.LAND:
		return truth(a != 0 && b != 0)
	case token.LOR:
		return truth(a != 0 || b != 0)
	}
	return 0, fmt.Errorf("the operator %s is not known here", operator)
}

// numbersOf reads a typed numeric frame as Grafana's expressions do.
func numbersOf(t testing.TB, frames data.Frames) []number {
	t.Helper()
	require.Len(t, frames, 1)
	frame := frames[0]
	require.NotNil(t, frame.Meta)
	require.Equal(t, data.FrameTypeNumericLong, frame.Meta.Type)
	require.Equal(t, data.FrameTypeVersion{0, 1}, frame.Meta.TypeVersion)
	var all []number
	seen := map[string]bool{}
	for row := range frame.Rows() {
		n := number{labels: data.Labels{}}
		numeric := 0
		for _, field := range frame.Fields {
			value, ok := field.ConcreteAt(row)
			require.True(t, ok, "%s is null, which is no data to Grafana", field.Name)
			switch v := value.(type) {
			case string:
				n.labels[field.Name] = v
			case float64:
				n.value = v
				numeric++
			default:
				require.Failf(t, "not alertable", "%s is %T", field.Name, v)
			}
		}
		require.Equal(t, 1, numeric, "one number a row")
		require.False(t, seen[n.labels.String()], "two numbers for %s", n.labels)
		seen[n.labels.String()] = true
		all = append(all, n)
	}
	return all
}

// matching is the number an annotation of an alert quotes: Grafana takes one whose labels are the alert's, fewer or
// more.
func matching(alert data.Labels, among []number) (found []number) {
	for _, n := range among {
		if alert.Contains(n.labels) || n.labels.Contains(alert) {
			found = append(found, n)
		}
	}
	return found
}

func TestMathJoinsOnLabels(t *testing.T) {
	values := map[string][]number{
		"A": {{data.Labels{"browser": "Safari", "release": "2"}, 0.5},
			{data.Labels{"browser": "Opera", "release": "2"}, 0.9}},
		"B": {{data.Labels{"browser": "Safari"}, 0.1}},
	}
	got, err := evaluate("$A > 0.25 && $A > 2 * $B", values)
	require.NoError(t, err)
	require.Equal(t, []number{{data.Labels{"browser": "Safari", "release": "2"}, 1}}, got, "Opera has no baseline")
	got, err = evaluate("($B + 1) / 2 <= 0.55 || 1 > 2", values)
	require.NoError(t, err)
	require.Equal(t, 1.0, got[0].value)
	_, err = evaluate("$X > 1", values)
	require.Error(t, err)
	require.Len(t, matching(data.Labels{"browser": "Safari", "release": "2"}, values["B"]), 1)
	require.True(t, strings.Contains(fmt.Sprint(references("$A > $B")), "A B"))
}
