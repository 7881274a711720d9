package enrich

import (
	"maps"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// scrub masks what must never be stored, whoever sent it: query strings and fragments, e-mail addresses, card and
// telephone numbers, tokens and IP addresses. Masks name what they hide, so that a message stays readable and groups
// stay together.
//
// A request's host and the host of a URL stay as they are: they name a server, not a user.
func (p *Pipeline) scrub(b *rum.Beacon) {
	p.scrubPage(b)
	b.EachItem(scrubItem)
	for i := range b.Vitals {
		v := &b.Vitals[i]
		v.MetricID = CleanID(v.MetricID)
		maps.DeleteFunc(v.Parts, func(name string, _ float32) bool { return !partName(name) })
		cleanAll(CleanText, &v.Metric, &v.Target, &v.ScriptInvoker, &v.ScriptFunction, &v.InteractionType, &v.LoadState)
		cleanAll(CleanURL, &v.TargetURL, &v.ScriptURL)
	}
	for i := range b.Requests {
		r := &b.Requests[i]
		cleanAll(CleanURL, &r.Path)
		cleanAll(CleanLabel, &r.Host, &r.Method, &r.Kind, &r.Protocol, &r.Cache)
	}
	for i := range b.Blocking {
		cleanAll(CleanURL, &b.Blocking[i].ScriptURL)
		cleanAll(CleanText, &b.Blocking[i].Invoker)
		cleanAll(CleanLabel, &b.Blocking[i].Host)
	}
	for i := range b.Errors {
		e := &b.Errors[i]
		cleanAll(CleanText, &e.Type, &e.Message, &e.Fingerprint)
		for j := range e.Frames {
			cleanAll(CleanURL, &e.Frames[j].File)
			cleanAll(CleanText, &e.Frames[j].Function, &e.Frames[j].Module)
		}
	}
	for i := range b.Actions {
		cleanAll(CleanText, &b.Actions[i].Name, &b.Actions[i].Target, &b.Actions[i].Kind)
	}
	for i := range b.Events {
		cleanAll(CleanText, &b.Events[i].Name, &b.Events[i].Message, &b.Events[i].Level)
	}
}

// partName says whether a part of a metric has a name such as input_delay; any other is not Faro's, and could hold
// anything.
func partName(name string) bool {
	for i := range len(name) {
		if ch := name[i]; (ch < 'a' || ch > 'z') && ch != '_' {
			return false
		}
	}
	return len(name) <= 64
}

// scrubPage scrubs what all items share, and the addresses of the pages.
func (p *Pipeline) scrubPage(b *rum.Beacon) {
	c := &b.Context
	kept := keptParameters(c.PageURL, p.apps[c.App].KeptParameters)
	cleanAll(CleanURL, &c.PageURL)
	cleanAll(CleanText, &c.RouteName, &c.Language)
	cleanAll(CleanLabel, &c.App, &c.Environment, &c.Release, &c.Platform, &c.SDK, &c.Synthetic, &c.Consent)
	cleanAll(p.cleaned.clean, &c.UserAgent, &c.Brands)
	c.SessionID = CleanID(c.SessionID)
	scrubAttributes(c.Attributes)
	for i := range b.Views {
		v := &b.Views[i]
		v.PreviousViewID = CleanID(v.PreviousViewID)
		v.Path = CleanURL(v.Path)
		if kept != "" && v.Path == pathOf(c.PageURL) {
			v.Path += kept
		}
	}
}

func scrubItem(item *rum.Item) {
	item.ViewID, item.ActionID, item.RequestID = CleanID(item.ViewID), CleanID(item.ActionID), CleanID(item.RequestID)
	cleanAll(CleanLabel, &item.Navigation)
	scrubAttributes(item.Attributes)
}

func cleanAll(clean func(string) string, texts ...*string) {
	for _, text := range texts {
		if *text != "" {
			*text = clean(*text)
		}
	}
}

func scrubAttributes(attributes map[string]string) {
	for key, value := range attributes {
		switch clean := CleanText(value); {
		case PrivateKey(key), CleanText(key) != key:
			delete(attributes, key)
		case clean != value:
			attributes[key] = clean
		}
	}
}

// PrivateKey says whether an attribute is dropped for its name alone. Names are compared without case, dots, dashes
// and underscores, and after a leading "user".
func PrivateKey(key string) bool {
	if len(key) > 40 {
		return false
	}
	var folded [40]byte
	n := 0
	for i := range len(key) {
		switch ch := key[i]; {
		case ch >= 'A' && ch <= 'Z':
			folded[n] = ch + 'a' - 'A'
			n++
		case ch == '_' || ch == '-' || ch == '.' || ch == ' ':
		default:
			folded[n] = ch
			n++
		}
	}
	name := folded[:n]
	if _, private := privateKeys[string(name)]; private {
		return true
	}
	if n > 4 && string(name[:4]) == "user" {
		_, private := privateKeys[string(name[4:])]
		return private
	}
	return false
}

var privateKeys = map[string]struct{}{
	"email": {}, "mail": {}, "emailaddress": {}, "username": {}, "login": {}, "fullname": {}, "firstname": {}, "lastname": {},
	"surname": {}, "phone": {}, "phonenumber": {}, "mobilenumber": {}, "address": {}, "street": {}, "birthdate": {},
	"dateofbirth": {}, "ssn": {}, "iban": {}, "card": {}, "cardnumber": {}, "cvv": {}, "cvc": {}, "password": {}, "passwd": {},
	"secret": {}, "token": {}, "accesstoken": {}, "refreshtoken": {}, "idtoken": {}, "apikey": {}, "authorization": {},
	"cookie": {}, "cookies": {}, "setcookie": {}, "ip": {}, "ipaddress": {}, "clientip": {}, "remoteaddr": {}, "clientaddress": {},
	"userid": {}, "enduserid": {},
}

// CleanURL drops the query, the fragment and any user info of a URL or path, and masks what is private in its path.
// A data: or blob: URL keeps its scheme only: the rest is content.
func CleanURL(url string) string { return cleanURL(url, nil) }

func cleanURL(url string, note func(Masked)) string {
	if url == "" {
		return ""
	}
	if cut := strings.IndexAny(url, "?#;"); cut >= 0 {
		url = url[:cut]
	}
	scheme, rest, absolute := strings.Cut(url, "://")
	if !absolute || !plainScheme(scheme) {
		for _, opaque := range [...]string{"data:", "blob:", "javascript:", "mailto:", "tel:"} {
			if len(url) >= len(opaque) && strings.EqualFold(url[:len(opaque)], opaque) {
				return opaque
			}
		}
		return cleanText(url, everySign, note)
	}
	if strings.HasPrefix(strings.ToLower(scheme), "blob:") {
		return "blob:"
	}
	host, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(host, '@')
	clean := cleanText(path, everySign, note)
	if at < 0 && len(clean) == len(path) && clean == path {
		return url
	}
	if len(rest) == len(host) {
		return scheme + "://" + host[at+1:]
	}
	return scheme + "://" + host[at+1:] + "/" + clean
}

// CleanText masks what is private in free text. Text without any sign of it, which is nearly all text, is returned as
// it is after one pass over its bytes.
func CleanText(text string) string { return cleanText(text, everySign, nil) }

// CleanLabel masks in a name or version what can hardly be there by chance. A bare number stays: 1.2.3.4 is a release
// far more often than an address. What has words in it, or anything else that is private, is no version.
func CleanLabel(text string) string {
	const bare = everySign &^ (signCard | signPhone | signIP)
	if !strings.Contains(text, " ") && cleanText(text, bare, nil) == text {
		return text
	}
	return CleanText(text)
}

// CleanAgent masks in a user agent string, where a product's version may look like an address.
func CleanAgent(text string) string {
	return maskAddresses(cleanText(text, everySign&^signIP, nil), true, func(string, string) {})
}

// CleanID drops an identifier that is something private: with a mark in it, it would join rows that do not belong
// together. Digits say nothing of an identifier, one in ten of which passes for a card's number.
func CleanID(id string) string {
	if cleanText(id, everySign&^(signCard|signPhone), nil) != id {
		return ""
	}
	return id
}

func cleanText(text string, of sign, note func(Masked)) string {
	text = withoutHalves(text, note)
	signs := look(text) & of
	if signs == 0 {
		return text
	}
	for i := range textRules {
		if r := &textRules[i]; signs&r.signs != 0 {
			text = r.apply(text, note)
		}
	}
	return text
}

// plainScheme says whether what stands before "://" can be a scheme, and not a text with an address in it.
func plainScheme(scheme string) bool {
	for i := range len(scheme) {
		ch := scheme[i] | 0x20
		if (ch < 'a' || ch > 'z') && (scheme[i] < '0' || scheme[i] > '9') && !strings.ContainsRune("+-.:", rune(scheme[i])) {
			return false
		}
	}
	return len(scheme) > 0 && len(scheme) <= 32
}

// keptParameters is what an app wants to keep of the query of a page's address: "?tab=size&page=2", in the order of the
// list, or "". What the values hold of private things is masked as everywhere.
func keptParameters(url string, allowed []string) string {
	if len(allowed) == 0 {
		return ""
	}
	_, query, found := strings.Cut(url, "?")
	if !found {
		return ""
	}
	query, _, _ = strings.Cut(query, "#")
	var kept strings.Builder
	for _, name := range allowed {
		for pair := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if key != name || value == "" || kept.Len() > maxKeptParameters {
				continue
			}
			separator := byte('&')
			if kept.Len() == 0 {
				separator = '?'
			}
			kept.WriteByte(separator)
			kept.WriteString(key)
			kept.WriteByte('=')
			kept.WriteString(CleanText(strings.ReplaceAll(value, "%40", "@")))
			break
		}
	}
	return kept.String()
}

// maxKeptParameters is how many bytes of a query are kept before no further parameter is.
const maxKeptParameters = 200
