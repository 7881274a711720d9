package enrich

import (
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/ua-parser/uap-go/uaparser"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Device classes.
const (
	deviceDesktop = "desktop"
	deviceMobile  = "mobile"
	deviceTablet  = "tablet"
	deviceTV      = "tv"
	deviceOther   = "other"
)

// client is what a user agent string says.
type client struct {
	browser, version, os, device string
	bot                          bool
	tool                         string // a synthetic one
}

// agents parses user agent strings and remembers the answers: parsing takes hundreds of regular expressions, and a
// site's users share a few hundred strings.
type agents struct {
	parser *uaparser.Parser
	known  *lru.Cache[string, client]
}

func newAgents() (*agents, error) {
	parser, err := uaparser.New()
	if err != nil {
		return nil, fmt.Errorf("user agent parser: %w", err)
	}
	known, err := lru.New[string, client](8192)
	if err != nil {
		return nil, fmt.Errorf("user agent parser: %w", err)
	}
	return &agents{parser: parser, known: known}, nil
}

// agent fills in browser, major version, OS and device class. Client hints win over the user agent string where they
// say something, because browsers freeze the string and tell the truth in the hints.
func (p *Pipeline) agent(b *rum.Beacon) {
	c := &b.Context
	found := p.agents.lookup(c.UserAgent)
	c.Browser, c.BrowserVersion, c.OS, c.Device = found.browser, found.version, found.os, found.device
	if name, version := brand(c.Brands); name != "" {
		c.Browser, c.BrowserVersion = name, version
	}
	if platform := osName(c.Platform); platform != "" {
		c.OS = platform
	}
	if c.Mobile && (c.Device == deviceDesktop || c.Device == deviceOther) {
		c.Device = deviceMobile
	}
}

func (a *agents) lookup(userAgent string) client {
	if userAgent == "" {
		return client{browser: "Other", os: "Other", device: deviceOther}
	}
	if found, ok := a.known.Get(userAgent); ok {
		return found
	}
	parsed := a.parser.Parse(userAgent)
	found := client{browser: browserName(parsed.UserAgent.Family), version: parsed.UserAgent.Major, os: osName(parsed.Os.Family)}
	if found.os == "" {
		found.os = "Other"
	}
	lower := strings.ToLower(userAgent)
	found.tool = syntheticTool(lower)
	found.bot = parsed.Device.Family == "Spider" || containsAny(lower, automation[:]...) || crawls(userAgent)
	found.device = deviceClass(lower, parsed)
	// The key would otherwise keep the whole beacon's text alive.
	a.known.Add(strings.Clone(userAgent), found)
	return found
}

// deviceClass goes by the words browsers put into the string: Android says Mobile on phones only, and an iPad that
// asks for the desktop site cannot be told from a Mac.
func deviceClass(lower string, parsed *uaparser.Client) string {
	switch {
	case containsAny(lower, "smart-tv", "smarttv", "googletv", "appletv", "hbbtv", "web0s", "webos.tv", "tizen", "bravia",
		"aftt", "crkey", "roku"):
		if strings.Contains(lower, "mobile") {
			return deviceMobile
		}
		return deviceTV
	case strings.Contains(lower, "ipad") || strings.Contains(lower, "tablet") || strings.Contains(lower, "kindle") ||
		strings.Contains(lower, "android") && !strings.Contains(lower, "mobi"):
		return deviceTablet
	case containsAny(lower, "mobi", "iphone", "ipod"):
		return deviceMobile
	}
	switch osName(parsed.Os.Family) {
	case "Windows", "macOS", "Linux", "ChromeOS":
		return deviceDesktop
	}
	return deviceOther
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// browserName leaves the form factor to the device class, so that a browser is one segment and not three.
func browserName(family string) string {
	switch family {
	case "Chrome Mobile", "Chrome Mobile iOS", "Chrome Mobile WebView", "HeadlessChrome", "Chromium":
		return "Chrome"
	case "Mobile Safari", "Mobile Safari UI/WKWebView":
		return "Safari"
	case "Firefox Mobile", "Firefox iOS":
		return "Firefox"
	case "Edge Mobile", "Edge iOS", "Edge Webview2":
		return "Edge"
	case "Opera Mobile", "Opera Mini", "Opera Touch", "Opera GX":
		return "Opera"
	case "":
		return "Other"
	}
	return family
}

// osName folds the spellings of the user agent parser, of client hints and of Faro's own parser into one.
func osName(family string) string {
	switch family {
	case "", "unknown", "Unknown", "Other":
		return ""
	case "Mac OS X", "Mac OS", "macOS", "MacOS":
		return "macOS"
	case "Chrome OS", "Chromium OS", "ChromeOS", "CrOS":
		return "ChromeOS"
	case "Ubuntu", "Debian", "Fedora", "Red Hat", "Linux Mint", "SUSE", "openSUSE", "Arch Linux", "CentOS", "Gentoo", "Linux":
		return "Linux"
	case "iOS", "iPadOS":
		return "iOS"
	}
	if strings.HasPrefix(family, "Windows") && family != "Windows Phone" {
		return "Windows"
	}
	return family
}

// brand reads the brands of the client hints, "Chromium/130, Google Chrome/130". The engine's own name counts only
// when no product stands beside it, and the made-up brands that keep sites from guessing never do.
func brand(brands string) (name, version string) {
	for len(brands) > 0 {
		var one string
		one, brands, _ = strings.Cut(brands, ", ")
		product, major, _ := strings.Cut(one, "/")
		major, _, _ = strings.Cut(major, ".")
		switch {
		case strings.Contains(product, "Not") && strings.Contains(product, "rand"):
		case product == "Chromium" || product == "HeadlessChrome":
			if name == "" {
				name, version = "Chrome", major
			}
		case product == "Google Chrome":
			return "Chrome", major
		case product == "Microsoft Edge":
			return "Edge", major
		default:
			return product, major
		}
	}
	return name, version
}
