package enrich

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// RouteVersion is the version of the heuristic below. It is raised whenever the same path would get another name, so
// that a break in a series can be explained.
const RouteVersion = 1

// RouteRule gives a path its route name. In a pattern, ":name" stands for one segment, "*" for any run of characters
// within one segment, and "**" as the last segment for all that follows. Name is the pattern itself when empty.
type RouteRule struct {
	Pattern string
	Name    string

	match *regexp.Regexp
}

// route names the route of each item, and the endpoint of each request: the app's own name first, then the app's
// rules, then the heuristic. Requests and resources go by the same rules and heuristic as pages; only a third party's
// are not the app's to name.
func (p *Pipeline) route(b *rum.Beacon) {
	c := &b.Context
	app := p.apps[c.App]
	// Most items of a beacon share the page's route.
	page := ""
	if c.PageURL != "" || c.RouteName != "" {
		page = app.routeOf(c.RouteName, pathOf(c.PageURL))
	}
	b.EachItem(func(item *rum.Item) {
		switch own := item.Attributes[RouteAttribute]; own {
		case "":
			item.Route = page
		default:
			item.Route = own
			delete(item.Attributes, RouteAttribute)
		}
	})
	for i := range b.Views {
		v := &b.Views[i]
		if path := pathOf(v.Path); v.Path != "" && v.Route == page && c.RouteName == "" && path != pathOf(c.PageURL) {
			v.Route = app.routeOf("", path)
		}
	}
	for i := range b.Requests {
		r := &b.Requests[i]
		if r.ThirdParty {
			r.Endpoint = Template(r.Path)
		} else {
			r.Endpoint = app.routeOf("", pathOf(r.Path))
		}
	}
}

// routeOf names a path: the name it was given, the first rule that matches, or the template.
func (a App) routeOf(own, path string) string {
	if own != "" {
		return own
	}
	if named := a.named(path); named != "" {
		return named
	}
	return Template(path)
}

// RouteAttribute is the item attribute in which a decoder hands over the name an app gave the route of that one item.
const RouteAttribute = "route"

func (a App) named(path string) string {
	for i := range a.Routes {
		if a.Routes[i].match.MatchString(path) {
			return a.Routes[i].Name
		}
	}
	return ""
}

// compileRules prepares an app's route rules and journeys.
func compileRules(name string, app App) (App, error) {
	for i := range app.Routes {
		rule := &app.Routes[i]
		match, err := compileRoute(rule.Pattern)
		if err != nil {
			return app, fmt.Errorf("app %s: route rule %q: %w", name, rule.Pattern, err)
		}
		rule.match = match
		if rule.Name == "" {
			rule.Name = rule.Pattern
		}
	}
	return app, compileJourneys(name, app.Journeys)
}

func compileRoute(pattern string) (*regexp.Regexp, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("it must begin with a slash")
	}
	var expression strings.Builder
	expression.WriteString("^")
	segments := strings.Split(strings.Trim(pattern, "/"), "/")
	for i, segment := range segments {
		switch {
		case segment == "**" && i == len(segments)-1:
			expression.WriteString("(?:/.*)?")
			continue
		case strings.Contains(segment, "**"):
			return nil, fmt.Errorf(`"**" may only be the last segment`)
		}
		expression.WriteString("/")
		if strings.HasPrefix(segment, ":") {
			expression.WriteString("[^/]+")
			continue
		}
		for j, part := range strings.Split(segment, "*") {
			if j > 0 {
				expression.WriteString("[^/]*")
			}
			expression.WriteString(regexp.QuoteMeta(part))
		}
	}
	expression.WriteString("/?$")
	return regexp.Compile(expression.String())
}

// maxSegments is where a template ends: deeper paths differ in what nobody groups by.
const maxSegments = 8

// Template replaces what varies in a path, segment by segment: a number, UUID, hash or random token becomes ":id", a
// date ":date", a leading locale ":locale". Everything else stays, so a path without such a segment is its own route.
func Template(path string) string {
	path = pathOf(path)
	if simple(path) {
		return path
	}
	var out strings.Builder
	rest := strings.Trim(path, "/")
	for i := 0; rest != ""; i++ {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if segment == "" {
			i--
			continue
		}
		out.WriteByte('/')
		if i == maxSegments {
			out.WriteString("**")
			break
		}
		if i == 0 && locale(segment) {
			out.WriteString(":locale")
			continue
		}
		writeSegment(&out, segment)
	}
	if out.Len() == 0 {
		return "/"
	}
	return out.String()
}

// simple paths hold lower-case words only, are no longer than a name, and have nothing to replace.
func simple(path string) bool {
	if len(path) < 5 || len(path) > 40 || path[0] != '/' || path[len(path)-1] == '/' || path[3] == '/' || path[3] == '-' {
		return path == "/"
	}
	run, slashes := 0, 0
	for i := 1; i < len(path); i++ {
		switch ch := path[i]; {
		case ch >= 'a' && ch <= 'z':
			run++
		case ch == '/':
			if path[i-1] == '/' {
				return false
			}
			run = 0
			slashes++
		case ch == '-' || ch == '_':
			run = 0
		default:
			return false
		}
		if run > 15 {
			return false
		}
	}
	return slashes < maxSegments-1
}

func writeSegment(out *strings.Builder, segment string) {
	switch {
	case strings.HasPrefix(segment, "[") && strings.HasSuffix(segment, "]"): // what the scrubber masked
		out.WriteString(":id")
	case date(segment):
		out.WriteString(":date")
	case varies(segment):
		out.WriteString(":id")
	default:
		writeParts(out, segment)
	}
}

// writeParts goes by the parts of a compound segment: main.3f2a1bc9.js becomes main.:id.js. A slug that ends in a
// record's number, blue-shirt-48213, is as distinct as the number and becomes ":id" whole.
func writeParts(out *strings.Builder, segment string) {
	if dash := strings.LastIndexByte(segment, '-'); dash > 0 && !strings.Contains(segment, ".") {
		if last := segment[dash+1:]; len(last) >= 4 && digitsOnly(last) || len(last) >= 8 && varies(last) {
			out.WriteString(":id")
			return
		}
	}
	start := 0
	for i := 0; i <= len(segment); i++ {
		if i < len(segment) && segment[i] != '.' && segment[i] != '-' && segment[i] != '_' && segment[i] != '~' {
			continue
		}
		if part := segment[start:i]; len(part) >= 4 && varies(part) {
			out.WriteString(":id")
		} else {
			out.WriteString(part)
		}
		if i < len(segment) {
			out.WriteByte(segment[i])
		}
		start = i + 1
	}
}

// varies says whether a piece of a path is an identifier rather than a word.
func varies(piece string) bool {
	letters, digits, hex, upper, other, switches := 0, 0, 0, 0, 0, 0
	digitBefore := false
	for i := range len(piece) {
		ch := piece[i]
		digit := ch >= '0' && ch <= '9'
		switch {
		case digit:
			digits++
			hex++
		case ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F':
			letters++
			hex++
		case ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z':
			letters++
		case ch == '-' || ch == '_' || ch == '=' || ch == '~':
			other++
		default:
			return false
		}
		if ch >= 'A' && ch <= 'Z' {
			upper++
		}
		if i > 0 && digit != digitBefore {
			switches++
		}
		digitBefore = digit
	}
	n := letters + digits
	switch {
	case n == 0:
		return false
	case letters == 0: // 42, 2024-000017
		return true
	case hex == n && n >= 8 && digits > 0: // hashes, UUIDs with and without dashes
		return true
	case len(piece) >= 16 && other == 0 && digits >= 2 && switches >= 3: // base36 and ULIDs
		return true
	case len(piece) >= 20 && digits >= 2 && upper >= 2 && switches >= 3: // base64
		return true
	case n >= 5 && digits*2 >= n && other <= 1: // SKU-10442, a1b2c3
		return true
	case len(piece) >= 32 && other == 0: // no word is that long
		return true
	}
	return false
}

func digitsOnly(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// date recognises 2024-05-17, 2024-05 and 20240517.
func date(segment string) bool {
	layout := ""
	switch len(segment) {
	case 10:
		layout = "dddd-dd-dd"
	case 7:
		layout = "dddd-dd"
	case 8:
		layout = "dddddddd"
	default:
		return false
	}
	for i := range len(layout) {
		digit := segment[i] >= '0' && segment[i] <= '9'
		if digit != (layout[i] == 'd') {
			return false
		}
	}
	if segment[:2] != "19" && segment[:2] != "20" {
		return false
	}
	month := strings.TrimPrefix(segment[4:], "-")[:2]
	return month >= "01" && month <= "12"
}

// locale recognises a language with a region, en-US or pt_br, and the bare codes of languages that sites are commonly
// translated into. Codes that are words in a path (my, no, is, id, to) are left out.
func locale(segment string) bool {
	switch len(segment) {
	case 2:
		_, known := languages[strings.ToLower(segment)]
		return known
	case 5:
		_, known := languages[strings.ToLower(segment[:2])]
		return known && (segment[2] == '-' || segment[2] == '_') && alphabetic(segment[3:])
	}
	return false
}

func alphabetic(text string) bool {
	for i := range len(text) {
		if ch := text[i] | 0x20; ch < 'a' || ch > 'z' {
			return false
		}
	}
	return true
}

var languages = map[string]struct{}{
	"ar": {}, "bg": {}, "cs": {}, "da": {}, "de": {}, "el": {}, "en": {}, "es": {}, "et": {}, "fa": {}, "fi": {}, "fr": {},
	"he": {}, "hi": {}, "hr": {}, "hu": {}, "it": {}, "ja": {}, "ko": {}, "lt": {}, "lv": {}, "nb": {}, "nl": {}, "pl": {},
	"pt": {}, "ro": {}, "ru": {}, "sk": {}, "sl": {}, "sr": {}, "sv": {}, "th": {}, "tr": {}, "uk": {}, "vi": {}, "zh": {},
}
