package ingest

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// faroMeta is what a payload says about the page and its user. The user's name and e-mail address are not even read.
type faroMeta struct {
	sdkName, sdkVersion         string
	appName, release, version   string
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
	k6                          bool
	country, subdivision        string
}

func (m *faroMeta) reset() {
	*m = faroMeta{session: m.session[:0], page: m.page[:0]}
}

func (d *faroDecoder) decodeMeta(j *jx.Decoder) error {
	m := &d.meta
	into := func(text *string, limit int) (err error) {
		*text, err = d.string(j, limit)
		return err
	}
	return d.fields(j, func(key []byte) error {
		switch string(key) {
		case "sdk":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "name":
					return into(&m.sdkName, 32)
				case "version":
					return into(&m.sdkVersion, 32)
				}
				return j.Skip()
			})
		case "app":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "name":
					return into(&m.appName, maxName)
				case "release":
					return into(&m.release, maxName)
				case "version":
					return into(&m.version, maxName)
				case "environment":
					return into(&m.environment, maxName)
				}
				return j.Skip()
			})
		case "user":
			return d.fields(j, func(key []byte) error {
				if string(key) == "id" {
					return into(&m.userID, maxMessage)
				}
				return j.Skip()
			})
		case "session":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					return into(&m.sessionID, maxName)
				case "attributes":
					m.session, err = d.attributes(j, m.session)
					return err
				}
				return j.Skip()
			})
		case "page":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					return into(&m.pageID, maxURL)
				case "url":
					return into(&m.pageURL, maxURL)
				case "attributes":
					m.page, err = d.attributes(j, m.page)
					return err
				}
				return j.Skip()
			})
		case "view":
			return d.fields(j, func(key []byte) error {
				if string(key) == "name" {
					return into(&m.view, maxName)
				}
				return j.Skip()
			})
		case "browser":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "userAgent":
					return into(&m.userAgent, maxSelector)
				case "os":
					return into(&m.browserOS, 64)
				case "platform":
					return into(&m.platform, 64)
				case "language":
					return into(&m.language, 35)
				case "viewportWidth":
					return into(&m.width, 16)
				case "viewportHeight":
					return into(&m.height, 16)
				case "connection", "effectiveType":
					return into(&m.connection, 16)
				case "mobile":
					text, err := d.string(j, 8)
					m.mobile = text == "true"
					return err
				case "brands":
					m.brands, err = d.decodeBrands(j)
					return err
				}
				return j.Skip()
			})
		case "os":
			return d.fields(j, func(key []byte) error {
				if string(key) == "name" {
					return into(&m.osName, 64)
				}
				return j.Skip()
			})
		case "k6":
			m.k6 = j.Next() == jx.Object
			return j.Skip()
		case "geo":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "country_iso":
					return into(&m.country, 8)
				case "subdivision_iso":
					return into(&m.subdivision, 8)
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
}

// decodeBrands reads the brands of the client hints, a list of brand and version, or the text they are already.
func (d *faroDecoder) decodeBrands(j *jx.Decoder) (string, error) {
	if j.Next() != jx.Array {
		text, err := d.string(j, maxSelector)
		return known(text), err
	}
	var all strings.Builder
	err := j.Arr(func(j *jx.Decoder) error {
		var brand, version string
		err := d.fields(j, func(key []byte) (err error) {
			switch string(key) {
			case "brand":
				brand, err = d.string(j, 64)
			case "version":
				version, err = d.string(j, 32)
			default:
				err = j.Skip()
			}
			return err
		})
		if brand != "" && all.Len() < maxSelector {
			if all.Len() > 0 {
				all.WriteString(", ")
			}
			all.WriteString(brand)
			all.WriteByte('/')
			all.WriteString(version)
		}
		return err
	})
	return all.String(), err
}

// context fills in the beacon's context but for what the key and the HTTP request decide.
//
// The route's name is the app's own where it gives one: the page attribute "route", else the view's name when it is
// not Faro's initial "default", else a page id that is a pattern (it begins with a slash) or a name, not a URL.
// The release is app.version, which Faro documents, else app.release.
func (d *faroDecoder) context() {
	m, c := &d.meta, &d.beacon.Context
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
	if m.k6 {
		c.Synthetic = "k6"
	}
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

func (m *faroMeta) routeName() string {
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
