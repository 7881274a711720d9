package ingest

import (
	"math"
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// claims are what a payload says about the app, the page and its user. The user's name and e-mail address are not even
// read.
type claims struct {
	sdkName, sdkVersion         string
	appName, release, version   string
	appHint                     string // how to name the app in this format
	environment                 string
	userID                      string
	sessionID                   string
	session                     []attribute
	pageID, pageURL             string
	page                        []attribute
	view                        string
	userAgent, brands, platform string
	osName, browserOS           string
	language, width, height     string
	connection                  string
	mobile                      bool
	synthetic                   string
	sampled                     string // the share of visits that are sent at all, 0 to 1
	consent                     string
	country, subdivision        string
}

func (m *claims) reset() {
	*m = claims{session: m.session[:0], page: m.page[:0]}
}

// copyFrom makes these claims the same as others, in memory of their own.
func (m *claims) copyFrom(other *claims) {
	session, page := append(m.session[:0], other.session...), append(m.page[:0], other.page...)
	*m = *other
	m.session, m.page = session, page
}

// context fills in the beacon's context but for what the key and the HTTP request decide.
//
// The route's name is the app's own where it gives one: the page attribute "route", else the view's name when it is
// not Faro's initial "default", else a page id that is a pattern (it begins with a slash) or a name, not a URL.
// The release is app.version, which Faro documents, else app.release.
func (d *reading) context() {
	m, c := &d.claims, &d.beacon.Context
	c.Release = cut(known(m.version), maxName)
	if c.Release == "" {
		c.Release = cut(known(m.release), maxName)
	}
	c.SessionID = safeID(m.sessionID)
	c.PageURL = known(m.pageURL)
	c.RouteName = m.routeName()
	c.UserAgent = known(m.userAgent)
	c.Brands = m.brands
	if c.Platform = known(m.platform); c.Platform == "" {
		if c.Platform = known(m.osName); c.Platform == "" {
			c.Platform = withoutVersion(known(m.browserOS))
		}
	}
	c.Mobile = m.mobile
	c.Language = known(m.language)
	c.Viewport = viewport(m.width, m.height)
	c.Connection = known(m.connection)
	c.Synthetic = syntheticName(m.synthetic)
	c.Weight = weight(m.sampled)
	c.Consent = cut(m.consent, 16)
	c.SDK = m.sdkName
	if m.sdkVersion != "" {
		c.SDK += "/" + m.sdkVersion
	}
	if len(m.country) == 2 && isAlpha(m.country) {
		c.Country = strings.ToUpper(m.country)
		c.Region = enrich.RegionCode(c.Country, m.subdivision)
	}
	for _, a := range m.session {
		switch a.key {
		case "sampling_rate", "samplingRate", "sampleRate", "sample_rate":
			c.Weight = weight(a.value)
		case "synthetic":
			c.Synthetic = syntheticName(a.value)
		case "consent":
			c.Consent = cut(a.value, 16)
		}
	}
	for _, list := range [2][]attribute{m.session, m.page} {
		for _, a := range list {
			if a.key == "connection" || a.key == "effectiveType" {
				c.Connection = cut(a.value, 16)
			}
		}
	}
	switch c.Connection {
	case "slow-2g", "2g", "3g", "4g", "5g", "":
	default:
		c.Connection = ""
	}
	c.Attributes = copyAttributes(m.session, ownAttribute)
	if page := copyAttributes(m.page, ownAttribute); page != nil {
		for key, value := range c.Attributes {
			page[key] = value
		}
		c.Attributes = page
	}
}

// ownAttribute names the attributes that are read into fields of their own.
func ownAttribute(key string) bool {
	switch key {
	case "sampling_rate", "samplingRate", "sampleRate", "sample_rate", "synthetic", "consent", "connection", "effectiveType",
		"route", "isSampled", "previousSession":
		return true
	}
	return false
}

func (m *claims) routeName() string {
	for _, a := range m.page {
		if a.key == "route" && known(a.value) != "" {
			return cut(a.value, maxName)
		}
	}
	if view := known(m.view); view != "" && view != "default" {
		return view
	}
	if id := known(m.pageID); id != "" && len(id) <= maxName && !strings.Contains(id, "://") && !strings.ContainsAny(id, "?#") {
		return id
	}
	return ""
}

// weight is thousandths of 1/rate; a rate that makes no sense says nothing.
func weight(rate string) uint32 {
	r, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(r > 1e-6) || r > 1 {
		return 0
	}
	return uint32(math.Round(rum.FullWeight / r))
}

func syntheticName(s string) string {
	switch s {
	case "", "false", "0":
		return ""
	case "true", "1":
		return "synthetic"
	}
	return cut(s, 32)
}

// viewport in steps of ten pixels: the exact size of a window is nearly a name.
func viewport(width, height string) string {
	w, err := strconv.Atoi(width)
	if err != nil || w <= 0 || w > 20000 {
		return ""
	}
	h, err := strconv.Atoi(height)
	if err != nil || h <= 0 || h > 20000 {
		return ""
	}
	return strconv.Itoa(w/10*10) + "x" + strconv.Itoa(h/10*10)
}

func withoutVersion(os string) string {
	if space := strings.LastIndexByte(os, ' '); space > 0 && space+1 < len(os) &&
		(os[space+1] >= '0' && os[space+1] <= '9' || os[space+1:] == "unknown") {
		return os[:space]
	}
	return os
}

func isAlpha(s string) bool {
	for i := range len(s) {
		if ch := s[i] | 0x20; ch < 'a' || ch > 'z' {
			return false
		}
	}
	return s != ""
}
