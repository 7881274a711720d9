package enrich

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

func pipeline(t testing.TB, config Config) *Pipeline {
	t.Helper()
	p, err := New(config)
	require.NoError(t, err)
	return p
}

func TestAnItemOfLastWeekIsTakenAndOfLastMonthIsNot(t *testing.T) {
	require.Empty(t, Plausible(received, received-6*day))
	require.NotEmpty(t, Plausible(received, received-8*day))
	require.Empty(t, Plausible(received, received+1000*day), "no time at all is replaced instead")
	require.Empty(t, Plausible(received, 0))
}

func TestCleanText(t *testing.T) {
	cases := map[string]string{
		"nothing private here":                     "nothing private here",
		"Cannot read properties of null":           "Cannot read properties of null",
		"mail jane.doe+x@corp.example.org now":     "mail [email] now",
		"to jane%40corp.example":                   "to [email]",
		"card 4111 1111 1111 1111 declined":        "card [card] declined",
		"card 4111-1111-1111-1111":                 "card [card]",
		"order 4111111111111112":                   "order 4111111111111112",
		"timestamp 1795395829890":                  "timestamp 1795395829890",
		"from 203.0.113.9:443":                     "from [ip]:443",
		"at 127.0.0.1":                             "at 127.0.0.1",
		"of 203.0.113.9.element and 203.0.113.9.":  "of [ip].element and [ip].",
		"version 1.2.3.4.5, v1.2.3.4, 1.2.3.4rc":   "version 1.2.3.4.5, v1.2.3.4, 1.2.3.4rc",
		"from 2001:db8::8a2e:370:7334 again":       "from [ip] again",
		"from [fe80::1%eth0], then 10.0.0.8.":      "from [[ip]%eth0], then [ip].",
		"::1 and 0.0.0.0":                          "::1 and 0.0.0.0",
		"at 12:30:45 sharp":                        "at 12:30:45 sharp",
		"password=hunter2 failed":                  "password=[secret] failed",
		`{"access_token":"abc.def","a":1}`:         `{"access_token":"[secret]","a":1}`,
		"Authorization: Bearer abcdefgh12345":      "Authorization: [secret]",
		"sent Bearer abcdefgh12345":                "sent Bearer [token]",
		"jwt eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM":     "jwt [token]",
		"key sk_live_abcdefghijklmnop1234 used":    "key [token] used",
		"GET https://u:p@a.example/x?q=1&r=2 fail": "GET https://a.example/x fail",
		"GET /x?mail=a@b.example#top=1 fail":       "GET /x fail",
		"version 1.2.3":                            "version 1.2.3",
		"a = b":                                    "a = b",
	}
	for text, want := range cases {
		require.Equal(t, want, CleanText(text), text)
	}
}

func TestCleanURL(t *testing.T) {
	cases := map[string]string{
		"":                                   "",
		"https://a.example/x/y?q=1#z":        "https://a.example/x/y",
		"https://bob:pw@a.example/x":         "https://a.example/x",
		"https://bob:pw@a.example":           "https://a.example",
		"https://a.example/u/jane@b.example": "https://a.example/u/[email]",
		"/x;jsessionid=1":                    "/x",
		"data:image/png;base64,AAAA":         "data:",
		"blob:https://a.example/123":         "blob:",
		"mailto:jane@b.example":              "mailto:",
		"https://203.0.113.9/x":              "https://203.0.113.9/x",
		"inline":                             "inline",
		"/x of a@b.example at https://c/d":   "/x of [email] at https://c/d",
	}
	for url, want := range cases {
		require.Equal(t, want, CleanURL(url), url)
	}
}

func TestAttributesThatNameAPersonAreDropped(t *testing.T) {
	for _, key := range []string{"email", "user.email", "userEmail", "E-Mail", "user_name", "fullName", "phone", "ip", "client_ip", "token", "Password", "user.id"} {
		require.True(t, PrivateKey(key), key)
	}
	for _, key := range []string{"", "tier", "list", "plan", "user_segment", "tokens_left", "shipping", strings.Repeat("x", 60)} {
		require.False(t, PrivateKey(key), key)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"a@b.example", "4111 1111 1111 1111", "::1", "https://u:p@h/p?q#f", "Bearer aaaaaaaaaa", "\xff\xfe@", "?a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := CleanText(text)
		if again := CleanText(once); len(again) > len(once)+64 {
			t.Fatalf("%q grows to %q", once, again)
		}
		if url := CleanURL(text); strings.ContainsAny(url, "?#") {
			t.Fatalf("%q keeps a query: %q", text, url)
		}
	})
}

func TestAgents(t *testing.T) {
	p := pipeline(t, Config{})
	cases := []struct {
		name                         string
		context                      rum.Context
		browser, version, os, device string
		traffic                      string
	}{
		{"Chrome on Windows", rum.Context{UserAgent: chrome}, "Chrome", "130", "Windows", "desktop", rum.TrafficReal},
		{"Chrome on Android", rum.Context{UserAgent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36"},
			"Chrome", "129", "Android", "mobile", rum.TrafficReal},
		{"Android tablet", rum.Context{UserAgent: "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"},
			"Chrome", "129", "Android", "tablet", rum.TrafficReal},
		{"Safari on iPhone", rum.Context{UserAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"},
			"Safari", "17", "iOS", "mobile", rum.TrafficReal},
		{"Safari on Mac", rum.Context{UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"},
			"Safari", "17", "macOS", "desktop", rum.TrafficReal},
		{"Firefox on Linux", rum.Context{UserAgent: "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"},
			"Firefox", "131", "Linux", "desktop", rum.TrafficReal},
		{"Edge", rum.Context{UserAgent: chrome + " Edg/130.0.0.0"}, "Edge", "130", "Windows", "desktop", rum.TrafficReal},
		{"hints win over the string", rum.Context{UserAgent: chrome, Brands: "Not?A_Brand/99, Chromium/131, Microsoft Edge/131", Platform: "macOS"},
			"Edge", "131", "macOS", "desktop", rum.TrafficReal},
		{"only the engine in the hints", rum.Context{UserAgent: chrome, Brands: "Not:A-Brand/8, Chromium/156"}, "Chrome", "156", "Windows", "desktop", rum.TrafficReal},
		{"Googlebot", rum.Context{UserAgent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, "Googlebot", "2", "Other", "other", rum.TrafficBot},
		{"headless", rum.Context{UserAgent: strings.Replace(chrome, "Chrome/", "HeadlessChrome/", 1)}, "Chrome", "130", "Windows", "desktop", rum.TrafficBot},
		{"a synthetic run that says so", rum.Context{UserAgent: strings.Replace(chrome, "Chrome/", "HeadlessChrome/", 1), Synthetic: "k6"},
			"Chrome", "130", "Windows", "desktop", rum.TrafficSynthetic},
		{"nothing known", rum.Context{}, "Other", "", "Other", "other", rum.TrafficReal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := &rum.Beacon{Context: c.context}
			p.AtDrain(b)
			got := b.Context
			require.Equal(t, []string{c.browser, c.version, c.os, c.device, c.traffic},
				[]string{got.Browser, got.BrowserVersion, got.OS, got.Device, got.Traffic})
		})
	}
}

func TestFingerprints(t *testing.T) {
	p := pipeline(t, Config{})
	print := func(e rum.Error) rum.Error {
		b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://shop.example/"}, Errors: []rum.Error{e}}
		p.AtDrain(b)
		return b.Errors[0]
	}
	frame := func(file, function string, line uint32) rum.Frame {
		return rum.Frame{File: file, Function: function, Line: line}
	}
	base := rum.Error{Kind: "exception", Type: "TypeError", Message: `item 4711 of "blue" not found at https://a.example/x`, Frames: []rum.Frame{
		frame("https://cdn.other.example/lib.js", "wrap", 1), frame("https://shop.example/static/main.3f2a1bc9.js", "addToCart", 10), frame("https://shop.example/static/main.3f2a1bc9.js", "t", 2),
	}}
	same := base
	same.Message = `item 8 of "red" not found at https://b.example/y/z`
	same.Frames = []rum.Frame{
		frame("https://cdn.other.example/other.js", "wrapped", 9), frame("https://shop.example/static/main.99ffaa01.js", "addToCart", 77), frame("https://shop.example/static/main.99ffaa01.js", "e", 5),
	}
	require.Equal(t, print(base).Fingerprint, print(same).Fingerprint, "another build, another item, another library: the same error")
	require.Len(t, print(base).Fingerprint, 16)
	require.EqualValues(t, FingerprintVersion, print(base).FingerprintVersion)

	for name, change := range map[string]func(*rum.Error){
		"type":    func(e *rum.Error) { e.Type = "RangeError" },
		"message": func(e *rum.Error) { e.Message = "no stock" },
		"function": func(e *rum.Error) {
			e.Frames = []rum.Frame{frame("https://shop.example/static/main.js", "removeFromCart", 1)}
		},
		"kind": func(e *rum.Error) { e.Kind = "console" },
	} {
		other := base
		change(&other)
		require.NotEqual(t, print(base).Fingerprint, print(other).Fingerprint, name)
	}

	own := base
	own.Fingerprint = "mine"
	require.Equal(t, "mine", print(own).Fingerprint)
	require.Zero(t, print(own).FingerprintVersion)
}

func BenchmarkAtAccept(b *testing.B) {
	p := pipeline(b, Config{})
	beacon := rum.Beacon{Context: rum.Context{PageURL: "https://shop.example/product/42"}}
	for range 10 {
		beacon.Requests = append(beacon.Requests, rum.Request{Path: "/api/cart/42"})
		beacon.Vitals = append(beacon.Vitals, rum.Vital{Target: "main > div.product > img#hero"})
	}
	beacon.Errors = []rum.Error{{Type: "TypeError", Message: "Cannot read properties of undefined (reading 'price')"}}
	b.ReportAllocs()
	for b.Loop() {
		p.AtAccept(&beacon)
	}
}

func BenchmarkAtDrain(b *testing.B) {
	p := pipeline(b, Config{})
	beacon := rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://shop.example/product/42", UserAgent: chrome}}
	for range 10 {
		beacon.Requests = append(beacon.Requests, rum.Request{Path: "/api/cart/42", Host: "api.shop.example"})
		beacon.Vitals = append(beacon.Vitals, rum.Vital{})
	}
	b.ReportAllocs()
	for b.Loop() {
		p.AtDrain(&beacon)
	}
}
