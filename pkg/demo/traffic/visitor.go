package traffic

import (
	"fmt"
	"strings"
	"time"
)

// client is a browser on a device, with how common it is.
type client struct {
	share     float64
	browser   string // as ua-parser-js, and so the SDK, names it
	version   string
	osName    string
	osVersion string
	device    string // desktop, mobile or tablet
	userAgent string
	brands    string // client hints, only Chromium has them
	width     int
	height    int
	speed     float64 // how long the device takes, relative to a common laptop
}

func (c client) chromium() bool { return c.brands != "" }

const (
	chromeBrands  = "Chromium/156 Google Chrome/156 Not:A-Brand/8"
	edgeBrands    = "Chromium/156 Microsoft Edge/156 Not:A-Brand/8"
	samsungBrands = "Chromium/136 Samsung Internet/29 Not.A/Brand/99"
	blink         = "AppleWebKit/537.36 (KHTML, like Gecko) "
	webkit        = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.2 "
)

// clients are the browsers people have. Shares add up to 1.
var clients = []client{
	{0.21, "Mobile Chrome", "156.0.0.0", "Android", "10", "mobile",
		"Mozilla/5.0 (Linux; Android 10; K) " + blink + "Chrome/156.0.0.0 Mobile Safari/537.36", chromeBrands, 412, 915, 1.5},
	{0.28, "Mobile Safari", "26.2", "iOS", "18.7", "mobile",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) " + webkit + "Mobile/15E148 Safari/604.1", "", 390, 844,
		1.05},
	{0.05, "Samsung Internet", "29.0", "Android", "10", "mobile",
		"Mozilla/5.0 (Linux; Android 10; K) " + blink + "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
		samsungBrands, 384, 854, 1.6},
	{0.20, "Chrome", "156.0.0.0", "Windows", "10", "desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + "Chrome/156.0.0.0 Safari/537.36", chromeBrands, 1536, 730, 1},
	{0.07, "Chrome", "156.0.0.0", "macOS", "10.15.7", "desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + blink + "Chrome/156.0.0.0 Safari/537.36", chromeBrands, 1512,
		860, 0.8},
	{0.06, "Edge", "156.0.0.0", "Windows", "10", "desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + "Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
		edgeBrands, 1536, 730, 1.05},
	{0.05, "Firefox", "150.0", "Windows", "10", "desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0", "", 1536, 720, 1.05},
	{0.02, "Firefox", "150.0", "Linux", "x86_64", "desktop",
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "", 1920, 950, 0.9},
	{0.04, "Safari", "26.2", "macOS", "10.15.7", "desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + webkit + "Safari/605.1.15", "", 1512, 850, 0.8},
	{0.02, "Mobile Safari", "26.2", "iOS", "18.7", "tablet",
		"Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) " + webkit + "Mobile/15E148 Safari/604.1", "", 820, 1180, 1},
}

// crawlers run scripts, and so the SDK, like a browser does.
var crawlers = []client{
	{0.7, "Mobile Chrome", "156.0.0.0", "Android", "6.0.1", "mobile",
		"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) " +
			blink + "Chrome/156.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		chromeBrands, 412, 732, 1},
	{0.3, "Chrome", "156.0.0.0", "Windows", "10", "desktop", "Mozilla/5.0 " + blink +
		"(compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/156.0.0.0 Safari/537.36", chromeBrands, 1280,
		720, 1},
}

// probe is the browser of a synthetic check.
var probe = client{1, "Chrome", "156.0.0.0", "Linux", "x86_64", "desktop",
	"Mozilla/5.0 (X11; Linux x86_64) " + blink + "Chrome/156.0.0.0 Safari/537.36", chromeBrands, 1280, 720, 0.9}

// country is where people are, with how far from the shop's servers (in Frankfurt) that is.
type country struct {
	share    float64
	code     string
	language string
	distance float64 // relative to home
}

var countries = []country{
	{0.34, "DE", "de-DE", 0.9}, {0.16, "GB", "en-GB", 1}, {0.14, "US", "en-US", 1.35}, {0.09, "FR", "fr-FR", 0.95},
	{0.07, "PL", "pl-PL", 1.05}, {0.06, "NL", "nl-NL", 0.9}, {0.05, "IN", "en-IN", 2.1}, {0.05, "BR", "pt-BR", 1.8},
	{0.04, "AU", "en-AU", 2},
}

// connection is a network's effective type.
type connection struct {
	share float64
	name  string
	slow  float64
}

var mobileNetworks = []connection{{0.82, "4g", 1.15}, {0.15, "3g", 2}, {0.03, "2g", 3.6}}

// Kinds of traffic, as rum names them.
const (
	kindReal      = "real"
	kindSynthetic = "synthetic"
	kindBot       = "bot"
)

// SyntheticHeader names the tool that made a beacon's traffic, on each of its requests.
const SyntheticHeader = "X-Sightline-Synthetic"

const syntheticTool = "checkly"

// visitor is who makes a visit.
type visitor struct {
	kind       string
	client     client
	country    country
	connection connection
	release    string
	sessionID  string
	userID     string  // "" for most: not signed in
	sampleRate float64 // the share of visits that are recorded at all where this one was
}

// leavesBefore tells whether the visit ends rather than go on to this route. Page checks look at pages and buy nothing:
// the checkout has a script of its own (script.go), and how far that gets must not be blurred by them.
func (v *visitor) leavesBefore(route string) bool {
	return v.kind == kindSynthetic && (route == "/cart" || route == "/checkout")
}

// traced tells whether the visitor's requests carry a trace: tracing came with release 2.4.1.
func (v *visitor) traced() bool { return v.release != releaseOld }

func (t *Traffic) newVisitor(d dice, at time.Time) *visitor {
	v := &visitor{kind: kindReal, sessionID: d.shortID(10), sampleRate: 1}
	who, sampling, user := d.Float64(), d.Float64(), d.Float64()
	v.client = pick(d, clients, func(c client) float64 { return c.share })
	v.country = pick(d, countries, func(c country) float64 { return c.share })
	v.connection = connection{1, "4g", 1}
	if v.client.device == "mobile" {
		v.connection = pick(d, mobileNetworks, func(c connection) float64 { return c.share })
	}
	v.release = t.scenario.release(d, at)

	switch {
	case who < 0.03:
		v.kind, v.client = kindBot, pick(d, crawlers, func(c client) float64 { return c.share })
		v.country, v.connection = countries[2], connection{1, "4g", 1}
	case who < 0.045:
		v.kind, v.client = kindSynthetic, probe
		v.country, v.connection = countries[0], connection{1, "4g", 1}
	default:
		// Parts of the shop's visits are sampled, with the rate recorded: each stands for 1/rate visits.
		switch {
		case sampling < 0.04:
			v.sampleRate = 0.25
		case sampling < 0.10:
			v.sampleRate = 0.5
		}
		if user < 0.3 {
			v.userID = fmt.Sprintf("customer-%05d", d.IntN(4000))
		}
	}
	return v
}

// consent is what the shop's banner was told: people with Firefox leave it at what the shop needs to run. That takes no
// random number from anything else.
func (v *visitor) consent() string {
	if v.client.browser == "Firefox" {
		return "required"
	}
	return "granted"
}

// meta is what the SDK puts on each beacon of this visitor, but for the page.
func (t *Traffic) meta(v *visitor) meta {
	m := meta{
		SDK:     metaSDK{Name: "faro-web", Version: sdkVersion},
		App:     metaApp{Name: t.config.App, Version: v.release, Environment: t.config.Environ},
		Session: metaSession{ID: v.sessionID, Overrides: map[string]string{}},
		Browser: metaBrowser{
			Name: v.client.browser, Version: v.client.version, OS: v.client.osName + " " + v.client.osVersion,
			UserAgent: v.client.userAgent, Language: v.country.language, Mobile: strings.Contains(v.client.userAgent, "Mobi"),
			Brands: "unknown", ViewportWidth: fmt.Sprint(v.client.width), ViewportHeight: fmt.Sprint(v.client.height),
		},
		OS:  metaOS{Name: v.client.osName, Version: v.client.osVersion},
		Geo: metaGeo{CountryISO: v.country.code},
	}
	if v.client.chromium() {
		m.Browser.Brands = brandList(v.client.brands)
	}
	if v.userID != "" {
		m.User = &metaUser{ID: v.userID}
	}
	attributes := map[string]string{}
	if v.client.chromium() { // the only engine that tells
		attributes["connection"] = v.connection.name
	}
	if v.sampleRate < 1 {
		attributes["sampleRate"] = fmt.Sprint(v.sampleRate)
	}
	if v.kind == kindSynthetic {
		attributes["synthetic"] = syntheticTool
	}
	if v.kind == kindReal {
		attributes["consent"] = v.consent()
	}
	if len(attributes) > 0 {
		m.Session.Attributes = attributes
	}
	return m
}

func brandList(text string) []brand {
	var list []brand
	for text != "" {
		// "Name With Spaces/156 Next/8": a version ends at the next space.
		slash := strings.LastIndex(text[:nextBrand(text)], "/")
		list = append(list, brand{Brand: text[:slash], Version: text[slash+1 : nextBrand(text)]})
		text = strings.TrimPrefix(text[nextBrand(text):], " ")
	}
	return list
}

func nextBrand(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == ' ' && text[i-1] >= '0' && text[i-1] <= '9' {
			return i
		}
	}
	return len(text)
}
