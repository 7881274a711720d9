package enrich

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func TestTemplate(t *testing.T) {
	cases := map[string]string{
		"":                    "/",
		"/":                   "/",
		"/cart":               "/cart",
		"/cart/":              "/cart",
		"//cart//items":       "/cart/items",
		"/checkout/payment":   "/checkout/payment",
		"/product/42":         "/product/:id",
		"/product/42/reviews": "/product/:id/reviews",
		"/p/blue-shirt-48213": "/p/:id",
		"/p/blue-shirt":       "/p/blue-shirt",
		"/orders/SKU-10442":   "/orders/:id",
		"/v1/users/7":         "/v1/users/:id",
		"/api/v2/items":       "/api/v2/items",
		"/u/550e8400-e29b-41d4-a716-446655440000/edit":     "/u/:id/edit",
		"/u/550E8400E29B41D4A716446655440000":              "/u/:id",
		"/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709": "/commit/:id",
		"/s/01ARZ3NDEKTSV4RRFFQ69G5FAV":                    "/s/:id",
		"/s/dGhpcyBpcyBhIHRva2VuMTIz":                      "/s/dGhpcyBpcyBhIHRva2VuMTIz",
		"/s/x9Qm2KpV7LtR4wZc8YbN":                          "/s/:id",
		"/blog/2024-05-17/hello":                           "/blog/:date/hello",
		"/archive/2024-05":                                 "/archive/:date",
		"/archive/20240517":                                "/archive/:date",
		"/en/cart":                                         "/:locale/cart",
		"/en-US/cart":                                      "/:locale/cart",
		"/pt_br/product/9":                                 "/:locale/product/:id",
		"/my/orders":                                       "/my/orders",
		"/is/it":                                           "/is/it",
		"/static/js/main.3f2a1bc9.js":                      "/static/js/main.:id.js",
		"/assets/index-4f3c2b1a9d.css":                     "/assets/index-:id.css",
		"/img/hero.png":                                    "/img/hero.png",
		"/internationalization/accessibility":              "/internationalization/accessibility",
		"/https-everywhere":                                "/https-everywhere",
		"/a/b/c/d/e/f/g/h/i/j/k":                           "/a/b/c/d/e/f/g/h/**",
		"https://shop.example/product/42?x=1#y":            "/product/:id",
		"https://shop.example":                             "/",
		"/reset/[token]":                                   "/reset/:id",
		"/iphone-15":                                       "/iphone-15",
		"/" + strings.Repeat("abcdefgh", 5):                "/:id",
	}
	for path, want := range cases {
		require.Equal(t, want, Template(path), path)
	}
}

func TestTemplatesAreStable(t *testing.T) {
	for _, path := range []string{"/product/42/reviews", "/en/p/blue-shirt-48213", "/static/js/main.3f2a1bc9.js", "/a/b/c/d/e/f/g/h/i/j"} {
		once := Template(path)
		require.Equal(t, once, Template(once), "a template of a template")
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"/", "/a/1", "//", "?#", "https://", "/é/ü/%2F", "/2024-13-45", "/" + strings.Repeat("/", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := Template(path)
		if got == "" {
			t.Fatalf("%q has no route", path)
		}
		if strings.Count(got, "/") > maxSegments+1 {
			t.Fatalf("%q is still %q", path, got)
		}
	})
}

func TestRouteNamesComeFromTheAppThenItsRulesThenTheHeuristic(t *testing.T) {
	p := pipeline(t, Config{Apps: map[string]App{"shop": {Routes: []RouteRule{
		{Pattern: "/category/:name", Name: "/category/:category"},
		{Pattern: "/help/**", Name: "/help"},
		{Pattern: "/promo-*"},
	}}}})
	route := func(own, path string) string {
		b := &rum.Beacon{Context: rum.Context{App: "shop", RouteName: own, PageURL: "https://s.example" + path, UserAgent: chrome}, Events: make([]rum.Event, 1)}
		p.AtDrain(b)
		return b.Events[0].Route
	}
	require.Equal(t, "Checkout", route("Checkout", "/category/shoes"))
	require.Equal(t, "/category/:category", route("", "/category/shoes"))
	require.Equal(t, "/category/shoes/red", route("", "/category/shoes/red"))
	require.Equal(t, "/help", route("", "/help"))
	require.Equal(t, "/help", route("", "/help/a/b/c"))
	require.Equal(t, "/promo-*", route("", "/promo-summer"))
	require.Equal(t, "/product/:id", route("", "/product/42"))
}

func TestARouteChangeKeepsItsOwnRoute(t *testing.T) {
	p := pipeline(t, Config{})
	b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://s.example/cart", UserAgent: chrome}, Views: make([]rum.View, 3)}
	b.Views[0].Path = "/cart"
	b.Views[1].Path = "/product/7"
	b.Views[2].Attributes = map[string]string{RouteAttribute: "Product", "kept": "yes"}
	p.AtDrain(b)
	require.Equal(t, "/cart", b.Views[0].Route)
	require.Equal(t, "/product/:id", b.Views[1].Route)
	require.Equal(t, "Product", b.Views[2].Route)
	require.Equal(t, map[string]string{"kept": "yes"}, b.Views[2].Attributes)
}

func TestAnEndpointIsTheTemplateOfItsPath(t *testing.T) {
	p := pipeline(t, Config{})
	b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://www.shop.example/", UserAgent: chrome}, Requests: []rum.Request{
		{Host: "api.shop.example", Path: "/api/cart/42"},
		{Host: "www.shop.example", Path: "/app.js"},
		{Host: "cdn.other.example", Path: "/tag.js"},
	}}
	p.AtDrain(b)
	require.Equal(t, "/api/cart/:id", b.Requests[0].Endpoint)
	require.False(t, b.Requests[0].ThirdParty)
	require.False(t, b.Requests[1].ThirdParty)
	require.True(t, b.Requests[2].ThirdParty)
}

// Browsers let pages send trace ids to their own host, and elsewhere only where both sides allow it.
func TestARequestToAnotherHostCrossesOrigins(t *testing.T) {
	p, err := New(Config{})
	require.NoError(t, err)
	crossed := func(page string) (all []bool) {
		b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: page}}
		for _, host := range []string{"", "www.shop.example", "api.shop.example", "www.shop.example:8443"} {
			b.Requests = append(b.Requests, rum.Request{Host: host})
		}
		p.AtDrain(b)
		for _, r := range b.Requests {
			all = append(all, r.CrossOrigin)
		}
		return all
	}
	require.Equal(t, []bool{false, false, true, true}, crossed("https://www.shop.example/cart"))
	require.Equal(t, []bool{false, false, false, false}, crossed(""), "without a page there is nothing to compare with")
}

func TestAVitalsScriptOrResourceHasAParty(t *testing.T) {
	p := pipeline(t, Config{})
	b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://www.shop.example/", UserAgent: chrome}, Vitals: []rum.Vital{
		{Metric: "inp", ScriptURL: "https://static.shop.example/app.js"},
		{Metric: "inp", ScriptURL: "https://cdn.other.example/tag.js"},
		{Metric: "lcp", TargetURL: "https://pictures.other.example/hero.jpg"},
		{Metric: "cls", Target: "main"},
	}}
	p.AtDrain(b)
	var third []bool
	for _, v := range b.Vitals {
		third = append(third, v.ThirdParty)
	}
	require.Equal(t, []bool{false, true, true, false}, third)
}

func TestJourneysMarkTheItemsOfTheirSteps(t *testing.T) {
	p := pipeline(t, Config{Apps: map[string]App{"shop": {Journeys: []Journey{{Name: "checkout", Steps: []JourneyStep{
		{Name: "Basket", Route: "/cart"}, {Name: "Pay", Route: "/checkout/*"}, {Name: "Paid", Action: "pay*"},
	}}}}}})
	mark := func(path, action string) (string, string) {
		b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://s.example" + path, UserAgent: chrome},
			Vitals: make([]rum.Vital, 1), Actions: []rum.Action{{Name: action}}}
		p.AtDrain(b)
		return b.Vitals[0].Journey, b.Actions[0].Journey
	}
	for _, c := range []struct{ path, action, vital, marked string }{
		{"/cart", "x", "checkout", "checkout"},
		{"/checkout/payment", "x", "checkout", "checkout"},
		{"/about", "pay-now", "", "checkout"},
		{"/about", "x", "", ""},
	} {
		vital, action := mark(c.path, c.action)
		require.Equal(t, [2]string{c.vital, c.marked}, [2]string{vital, action}, fmt.Sprint(c))
	}
}
