package enrich

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// scrub masks what must never be stored, whoever sent it: query strings and fragments, e-mail addresses, card numbers,
// tokens and IP addresses. Masks name what they hide, so that a message stays readable and groups stay together.
//
// A request's host and the host of a URL stay as they are: they name a server, not a user.
func (p *Pipeline) scrub(b *rum.Beacon) {
	c := &b.Context
	kept := keptParameters(c.PageURL, p.apps[c.App].KeptParameters)
	c.PageURL = CleanURL(c.PageURL)
	c.Release = CleanText(c.Release)
	c.RouteName = CleanText(c.RouteName)
	scrubAttributes(c.Attributes)
	b.EachItem(func(item *rum.Item) { scrubAttributes(item.Attributes) })
	for i := range b.Views {
		v := &b.Views[i]
		v.Path = CleanURL(v.Path)
		if kept != "" && v.Path == pathOf(c.PageURL) {
			v.Path += kept
		}
	}
	for i := range b.Vitals {
		v := &b.Vitals[i]
		v.Metric = CleanText(v.Metric) // a custom timing's name is the app's choice
		v.Target = CleanText(v.Target)
		v.TargetURL = CleanURL(v.TargetURL)
		v.ScriptURL = CleanURL(v.ScriptURL)
		v.ScriptInvoker = CleanText(v.ScriptInvoker)
		v.ScriptFunction = CleanText(v.ScriptFunction)
	}
	for i := range b.Requests {
		b.Requests[i].Path = CleanURL(b.Requests[i].Path)
	}
	for i := range b.Blocking {
		b.Blocking[i].ScriptURL = CleanURL(b.Blocking[i].ScriptURL)
		b.Blocking[i].Invoker = CleanText(b.Blocking[i].Invoker)
	}
	for i := range b.Errors {
		e := &b.Errors[i]
		e.Type = CleanText(e.Type)
		e.Message = CleanText(e.Message)
		e.Fingerprint = CleanText(e.Fingerprint)
		for j := range e.Frames {
			e.Frames[j].File = CleanURL(e.Frames[j].File)
			e.Frames[j].Function = CleanText(e.Frames[j].Function)
			e.Frames[j].Module = CleanText(e.Frames[j].Module)
		}
	}
	for i := range b.Actions {
		b.Actions[i].Name = CleanText(b.Actions[i].Name)
		b.Actions[i].Target = CleanText(b.Actions[i].Target)
	}
	for i := range b.Events {
		b.Events[i].Name = CleanText(b.Events[i].Name)
		b.Events[i].Message = CleanText(b.Events[i].Message)
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
	if !absolute {
		for _, opaque := range [...]string{"data:", "blob:", "javascript:", "mailto:", "tel:"} {
			if len(url) >= len(opaque) && strings.EqualFold(url[:len(opaque)], opaque) {
				return opaque
			}
		}
		return cleanText(url, note)
	}
	if strings.HasPrefix(strings.ToLower(scheme), "blob:") {
		return "blob:"
	}
	host, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(host, '@')
	clean := cleanText(path, note)
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
func CleanText(text string) string { return cleanText(text, nil) }

func cleanText(text string, note func(Masked)) string {
	signs := look(text)
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
