package enrich

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func TestRoutesBeyondTheBudgetAreCountedAsOther(t *testing.T) {
	overflow := int64(0)
	p := pipeline(t, Config{Budgets: map[string]int{DimensionRoute: 3}, Count: func(_, _, counter, reason string, n int64) {
		if counter == "overflow" && reason == "route" {
			overflow += n
		}
	}})
	p.Seed("shop", DimensionRoute, "/known")
	visit := func(path, userAgent string) string {
		b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://s.example" + path, UserAgent: userAgent}, Events: make([]rum.Event, 1)}
		p.AtDrain(b)
		return b.Events[0].Route
	}
	require.Equal(t, rum.Overflow, visit("/wp-login", "Googlebot/2.1 (+http://www.google.com/bot.html)"), "a bot fills no budget")
	require.Equal(t, "/one", visit("/one", chrome))
	require.Equal(t, "/two", visit("/two", chrome))
	require.Equal(t, rum.Overflow, visit("/three", chrome))
	require.Equal(t, "/known", visit("/known", chrome))
	require.Equal(t, "/one", visit("/one", chrome))
	require.EqualValues(t, 2, overflow)
}

func TestEveryDimensionIsHeldToItsBudget(t *testing.T) {
	budgets := map[string]int{}
	for dimension := range DefaultBudgets {
		budgets[dimension] = 2
	}
	overflow := map[string]int64{}
	p := pipeline(t, Config{Budgets: budgets, Count: func(_, _, counter, reason string, n int64) {
		if counter == "overflow" {
			overflow[reason] += n
		}
	}})
	var last *rum.Beacon
	for i := range 3 {
		name := fmt.Sprint("name", i)
		last = &rum.Beacon{
			Context: rum.Context{App: "shop", Release: name, PageURL: "https://s.example/" + name, UserAgent: chrome,
				Attributes: map[string]string{name: "x", "plan": "v" + name}},
			Vitals:   []rum.Vital{{Metric: name, Target: name}, {Metric: "lcp"}},
			Requests: []rum.Request{{Host: name, Path: "/" + name}},
			Errors:   []rum.Error{{Fingerprint: name}},
			Actions:  []rum.Action{{Target: name}},
		}
		p.AtDrain(last)
	}
	other := rum.Overflow
	require.Equal(t, other, last.Context.Release)
	require.Equal(t, other, last.Vitals[0].Route)
	require.Equal(t, other, last.Vitals[0].Metric)
	require.Equal(t, other, last.Vitals[0].Target)
	require.Equal(t, "lcp", last.Vitals[1].Metric, "a Web Vital needs no room")
	require.Equal(t, other, last.Requests[0].Endpoint)
	require.Equal(t, other, last.Requests[0].Host)
	require.Equal(t, other, last.Errors[0].Fingerprint)
	require.Equal(t, other, last.Actions[0].Target)
	require.Equal(t, other, last.Context.Attributes[other])
	for dimension := range DefaultBudgets {
		require.Positive(t, overflow[dimension], dimension)
	}
}

func TestAnAttributesValuesHaveABudgetOfTheirOwn(t *testing.T) {
	p := pipeline(t, Config{Budgets: map[string]int{DimensionAttributeValue: 2}})
	plans := func(order string) map[string]string {
		b := &rum.Beacon{Context: rum.Context{App: "shop", UserAgent: chrome,
			Attributes: map[string]string{"order": order, "plan": "pro"}}, Events: make([]rum.Event, 1)}
		p.AtDrain(b)
		return b.Context.Attributes
	}
	require.Equal(t, map[string]string{"order": "1", "plan": "pro"}, plans("1"))
	require.Equal(t, map[string]string{"order": "2", "plan": "pro"}, plans("2"))
	require.Equal(t, map[string]string{"order": rum.Overflow, "plan": "pro"}, plans("3"))
	require.Equal(t, map[string]string{"order": "2", "plan": "pro"}, plans("2"))
}

func TestAnAppMayHaveABudgetOfItsOwn(t *testing.T) {
	p := pipeline(t, Config{Apps: map[string]App{"blog": {Budgets: map[string]int{DimensionRelease: 1}}}})
	release := func(app, name string) string {
		b := &rum.Beacon{Context: rum.Context{App: app, Release: name, UserAgent: chrome}, Events: make([]rum.Event, 1)}
		p.AtDrain(b)
		return b.Context.Release
	}
	require.Equal(t, "1", release("blog", "1"))
	require.Equal(t, rum.Overflow, release("blog", "2"))
	require.Equal(t, "1", release("shop", "1"))
	require.Equal(t, "2", release("shop", "2"))

	_, err := New(Config{Budgets: map[string]int{"colour": 3}})
	require.ErrorContains(t, err, "no budget of colour")
	_, err = New(Config{Apps: map[string]App{"blog": {Budgets: map[string]int{DimensionHost: -1}}}})
	require.ErrorContains(t, err, "app blog: the budget of host cannot be negative")
}

func TestBudgetsTellHowMuchOfThemIsTakenUp(t *testing.T) {
	p := pipeline(t, Config{Budgets: map[string]int{DimensionRoute: 10, DimensionEndpoint: 20},
		Apps: map[string]App{"blog": {Budgets: map[string]int{DimensionRoute: 3}}}})
	p.Seed("shop", DimensionRoute, "/a")
	p.Seed("shop", DimensionRoute, "/b")
	for _, route := range []string{"/1", "/2", "/3", "/4"} {
		p.Seed("blog", DimensionRoute, route)
	}
	b := &rum.Beacon{Context: rum.Context{App: "shop", Traffic: rum.TrafficReal, Attributes: map[string]string{"plan": "pro"}},
		Requests: []rum.Request{{Path: "/x"}, {Path: "/y"}, {Path: "/x"}}}
	p.AtDrain(b)
	got := map[string][2]int{}
	p.EachBudget(func(app, dimension string, names, most int) { got[app+" "+dimension] = [2]int{names, most} })
	require.Equal(t, map[string][2]int{"shop route": {2, 10}, "blog route": {3, 3}, "shop endpoint": {2, 20},
		"shop attributeKey": {1, 50}, "shop attributeValue": {1, 1000}}, got)
}
