package enrich

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Each rule finds what it is for, and says so.
func TestEachRuleTellsWhatItMasked(t *testing.T) {
	cases := map[string]struct{ text, found, mark, clean string }{
		"url-user":   {"GET ftp://bob:pw@host/x", "://bob:pw@", "://", "GET ftp://host/x"},
		"query":      {"GET /x?a=b failed", "?a=b", "", "GET /x failed"},
		"email":      {"to a@b.example", "a@b.example", "[email]", "to [email]"},
		"jwt":        {"is eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM", "eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM", "[token]", "is [token]"},
		"secret":     {"api_key: 12345", "api_key: 12345", "api_key: [secret]", "api_key: [secret]"},
		"bearer":     {"Bearer abcdefgh1", "Bearer abcdefgh1", "Bearer [token]", "Bearer [token]"},
		"access-key": {"is AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "[token]", "is [token]"},
		"card":       {"5555-5555-5555-4444", "5555-5555-5555-4444", "[card]", "[card]"},
		"phone":      {"call +49 (30) 901820", "+49 (30) 901820", "[phone]", "call [phone]"},
		"ip":         {"from 203.0.113.9", "203.0.113.9", "[ip]", "from [ip]"},
	}
	for _, rule := range Rules() {
		require.NotEmpty(t, rule.Masks)
		if rule.Name == "address" || rule.Name == "attribute" || rule.Name == "cut" {
			continue
		}
		c, known := cases[rule.Name]
		require.True(t, known, "a rule without a case: %s", rule.Name)
		clean, masked := Explain(c.text)
		require.Equal(t, c.clean, clean)
		require.Equal(t, []Masked{{rule.Name, c.found, c.mark}}, masked)
		require.Equal(t, clean, CleanText(c.text), "it is the same that is stored")
	}
	require.Len(t, Rules(), len(cases)+3)

	clean, masked := ExplainURL("https://a.example/u/jane@b.example?x=1")
	require.Equal(t, "https://a.example/u/[email]", clean)
	require.Equal(t, []Masked{{"address", "?x=1", ""}, {"email", "jane@b.example", "[email]"}}, masked)
}

func TestTelephoneNumbers(t *testing.T) {
	for _, number := range []string{"+4930901820", "+49 30 901820", "+1-202-555-0123", "+1 (202) 555-0123", "(202) 555-0123", "202-555-0123",
		"202.555.0123", "+44 20 7946 0958", "%2B4930901820", "+33.1.23.45.67.89"} {
		require.Equal(t, "call [phone] now", CleanText("call "+number+" now"), number)
	}
	for _, text := range []string{"a + 12345678", "version 1.2.3-20240501", "1795395829890", "order 0049123456788", "2026-05-01T12:00:00+02:00",
		"C++20 2024", "x+1234567", "at 12:30:45.123", "chunk-202-555.js", "+123456789012345678"} {
		require.Equal(t, text, CleanText(text), text)
	}
}

func TestParametersThatAnAppKeepsStayInTheAddressesOfItsPages(t *testing.T) {
	p := pipeline(t, Config{Apps: map[string]App{"shop": {KeptParameters: []string{"tab", "page"}}}})
	kept := func(app, url string) rum.View {
		b := &rum.Beacon{Context: rum.Context{App: app, PageURL: url, UserAgent: chrome}, Views: []rum.View{{Path: "/cart/7"}, {Path: "/other?tab=x"}}}
		p.AtAccept(b)
		require.NotContains(t, b.Context.PageURL, "?")
		require.Equal(t, "/other", b.Views[1].Path)
		p.AtDrain(b)
		return b.Views[0]
	}
	const url = "https://shop.example/cart/7?utm=x&page=2&tab=size&token=abc#tab=no"
	require.Equal(t, "/cart/7?tab=size&page=2", kept("shop", url).Path)
	require.Equal(t, "/cart/:id", kept("shop", url).Route, "the route has none of them")
	require.Equal(t, "/cart/7", kept("blog", url).Path)
	require.Equal(t, "/cart/7", kept("shop", "https://shop.example/cart/7?tab=").Path)
	require.Equal(t, "/cart/7?tab=[email]", kept("shop", "https://shop.example/cart/7?tab=jane%40b.example").Path)
}

// Everything of a beacon that is text is scrubbed, save what is checked otherwise when it is decoded.
func TestEveryTextOfABeaconIsScrubbed(t *testing.T) {
	p := pipeline(t, Config{})
	const private = "jane@b.example"
	item := rum.Item{Attributes: map[string]string{"note": private, private: "x"}}
	b := &rum.Beacon{
		Context: rum.Context{Release: private, RouteName: private, PageURL: "https://a.example/" + private,
			Attributes: map[string]string{"note": private, private: "x"}},
		Views: []rum.View{{Item: item, Path: "/" + private}},
		Vitals: []rum.Vital{{Metric: private, Target: private, TargetURL: private, ScriptURL: private, ScriptInvoker: private, ScriptFunction: private,
			InteractionType: private, LoadState: private, MetricID: private, Parts: map[string]float32{private: 1, "input_delay": 2}}},
		Requests: []rum.Request{{Path: private, Host: private, Method: private, Kind: private, Protocol: private, Cache: private}},
		Blocking: []rum.Blocking{{ScriptURL: private, Invoker: private, Host: private}},
		Errors: []rum.Error{{Type: private, Message: private, Fingerprint: private,
			Frames: []rum.Frame{{Function: private, File: private, Module: private}}}},
		Actions: []rum.Action{{Name: private, Target: private}},
		Events:  []rum.Event{{Name: private, Message: private}},
	}
	p.AtAccept(b)
	raw, err := (&rum.Record{Beacon: b}).MarshalMsg(nil)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "jane")
	require.Equal(t, map[string]float32{"input_delay": 2}, b.Vitals[0].Parts)
	require.Equal(t, []string{"note"}, slices.Collect(maps.Keys(b.Views[0].Attributes)))
}

// A text is cut before it is scrubbed, so that nobody can make the scrubber work on megabytes.
func TestNoHalfOfAPrivateThingIsLeftWhereATextWasCut(t *testing.T) {
	for text, want := range map[string]string{
		"to jane.doe@exam|":              "to …",
		"to jane.doe|":                   "to …",
		"to jane.doe%40ex|":              "to …",
		"card 4111 1111 11|":             "card…",
		"call +49 30 1234|":              "call…",
		"Bearer abcdefghijklmnopqrst|":   "Bearer …",
		"sid=ab|":                        "…",
		"https://a.example/u/jane.doe|":  "https://a.example/u/…",
		"sdk jane@exa|/2.1":              "sdk …/2.1",
		"one|, jane@ex|":                 "…, …",
		"Loading… please":                "Loading… please",
		"Cannot read properties of und…": "Cannot read properties of und…",
	} {
		text = strings.ReplaceAll(text, "|", CutMark)
		require.Equal(t, want, CleanText(text), text)
	}
}

func TestNamesAndVersionsKeepTheirNumbers(t *testing.T) {
	require.Equal(t, "1.2.3.4", CleanLabel("1.2.3.4"))
	require.Equal(t, "2024.05.01.7", CleanLabel("2024.05.01.7"))
	require.Equal(t, "2.5 of [ip]", CleanLabel("2.5 of 203.0.113.9"))
	require.Equal(t, chrome, CleanAgent(chrome))
	require.Equal(t, "Bot/1.2.3.4 ([ip]; [email])", CleanAgent("Bot/1.2.3.4 (203.0.113.9; a@b.example)"))
	require.Equal(t, "of [email]", CleanLabel("of jane@b.example"))
	require.Equal(t, "4111111111111111", CleanID("4111111111111111"))
	require.Equal(t, "", CleanID("jane@b.example"))
	require.Equal(t, "", CleanID("203.0.113.9"))
}
