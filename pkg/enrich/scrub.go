package enrich

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// scrub masks what must never be stored, whoever sent it: query strings and fragments, e-mail addresses, card numbers,
// tokens and IP addresses. Masks name what they hide, so that a message stays readable and groups stay together.
//
// A request's host and the host of a URL stay as they are: they name a server, not a user.
func (p *Pipeline) scrub(b *rum.Beacon) {
	c := &b.Context
	c.PageURL = CleanURL(c.PageURL)
	c.RouteName = CleanText(c.RouteName)
	scrubAttributes(c.Attributes)
	eachItem(b, func(item *rum.Item) { scrubAttributes(item.Attributes) })
	for i := range b.Views {
		b.Views[i].Path = CleanURL(b.Views[i].Path)
	}
	for i := range b.Vitals {
		v := &b.Vitals[i]
		v.Metric = CleanText(v.Metric) // a custom timing's name is the app's choice
		v.Target = CleanText(v.Target)
		v.TargetURL = CleanURL(v.TargetURL)
		v.ScriptURL = CleanURL(v.ScriptURL)
		v.ScriptInvoker = CleanText(v.ScriptInvoker)
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
		case PrivateKey(key):
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
func CleanURL(url string) string {
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
		return CleanText(url)
	}
	if strings.HasPrefix(strings.ToLower(scheme), "blob:") {
		return "blob:"
	}
	host, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(host, '@')
	clean := CleanText(path)
	if at < 0 && len(clean) == len(path) && clean == path {
		return url
	}
	if len(rest) == len(host) {
		return scheme + "://" + host[at+1:]
	}
	return scheme + "://" + host[at+1:] + "/" + clean
}

var (
	emailPattern  = regexp.MustCompile(`(?i)[a-z0-9.!$&'*+^_{|}~-]*[a-z0-9_~-](?:@|%40)[a-z0-9-]+(?:\.[a-z0-9-]+)+`)
	jwtPattern    = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?`)
	bearerPattern = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=_.~-]{8,}`)
	secretPattern = regexp.MustCompile(
		`(?i)\b((?:access|refresh|id|auth|csrf|xsrf|api|session)?[_-]?` +
			`(?:token|secret|password|passwd|pwd|apikey|api[_-]?key|sessionid|authorization))` +
			`(["']?\s*[=:]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"'&,;)}\]]+`)
	keyPattern     = regexp.MustCompile(`\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abp]|AKIA|AIza)[_-]?[A-Za-z0-9_-]{16,}`)
	queryPattern   = regexp.MustCompile(`[?#][A-Za-z0-9_.%\[\]$~-]+=[^\s"'<>)]*`)
	urlUserPattern = regexp.MustCompile(`://[^\s/@"'<>]+@`)
	cardPattern    = regexp.MustCompile(`\b\d(?:[ -]?\d){12,18}\b`)
)

// CleanText masks what is private in free text. Text without any sign of it, which is nearly all text, is returned as
// it is after one pass over its bytes.
func CleanText(text string) string {
	signs := look(text)
	if signs == 0 {
		return text
	}
	if signs&signAt != 0 {
		text = urlUserPattern.ReplaceAllString(text, "://")
	}
	if signs&signQuery != 0 {
		text = queryPattern.ReplaceAllString(text, "")
	}
	if signs&signAt != 0 {
		text = emailPattern.ReplaceAllString(text, "[email]")
	}
	if signs&signJWT != 0 {
		text = jwtPattern.ReplaceAllString(text, "[token]")
	}
	if signs&signSecret != 0 {
		text = secretPattern.ReplaceAllString(text, "$1$2[secret]")
	}
	if signs&signBearer != 0 {
		text = bearerPattern.ReplaceAllString(text, "$1 [token]")
	}
	if signs&signKey != 0 {
		text = keyPattern.ReplaceAllString(text, "[token]")
	}
	if signs&signCard != 0 {
		text = cardPattern.ReplaceAllStringFunc(text, maskCard)
	}
	if signs&signIP != 0 {
		text = maskIPs(text)
	}
	return text
}

// sign is what a text shows at first sight of holding something private.
type sign uint16

const (
	signAt sign = 1 << iota
	signQuery
	signJWT
	signSecret
	signBearer
	signKey
	signCard
	signIP
)

// keyStarts are how access keys of well-known services begin.
var keyStarts = [...]string{
	"sk_", "pk_", "rk_", "sk-", "pk-", "ghp_", "gho_", "ghs_", "glpat-", "xoxa-", "xoxb-", "xoxp-", "AKIA", "AIza",
}

func look(text string) sign {
	var s sign
	digits, dots, colons := 0, 0, 0
	for i := range len(text) {
		switch ch := text[i]; ch {
		case '@':
			s |= signAt
		case '%':
			if strings.HasPrefix(text[i:], "%40") {
				s |= signAt
			}
		case '=':
			s |= signQuery | signSecret
		case ':':
			colons++
			s |= signSecret
		case '.':
			dots++
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			digits++
		case 'e', 'E':
			switch rest := text[i:]; {
			case strings.HasPrefix(rest, "eyJ"):
				s |= signJWT
			case len(rest) > 6 && strings.EqualFold(rest[:6], "earer "):
				s |= signBearer
			}
		case 'b', 'B':
			if rest := text[i:]; len(rest) > 6 && strings.EqualFold(rest[:6], "basic ") {
				s |= signBearer
			}
		case 's', 'p', 'r', 'g', 'x', 'A':
			for _, start := range keyStarts {
				if start[0] == ch && strings.HasPrefix(text[i:], start) {
					s |= signKey
				}
			}
		}
	}
	if digits >= 13 {
		s |= signCard
	}
	if digits >= 4 && dots >= 3 || colons >= 2 {
		s |= signIP
	}
	return s
}

// maskCard masks a number that passes the Luhn check, which one number in ten does by chance.
func maskCard(number string) string {
	sum, digits := 0, 0
	for i := len(number) - 1; i >= 0; i-- {
		if number[i] < '0' || number[i] > '9' {
			continue
		}
		d := int(number[i] - '0')
		if digits%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		digits++
	}
	if sum%10 != 0 {
		return number
	}
	return "[card]"
}

// maskIPs masks what parses as an address, save the loopback and unspecified ones, which name nobody.
func maskIPs(text string) string {
	var out strings.Builder
	copied := 0
	for i := 0; i < len(text); {
		if !addressByte(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && addressByte(text[i]) {
			i++
		}
		// A word that only ends in such characters is no address.
		if start > 0 && wordByte(text[start-1]) || i < len(text) && wordByte(text[i]) {
			continue
		}
		found := strings.TrimRight(text[start:i], ".:")
		if strings.HasSuffix(text[start:i], "::") && strings.Count(found, ":") > 0 {
			found += "::"
		}
		if host, _, port := strings.Cut(found, ":"); port && strings.Count(found, ":") == 1 {
			found = host
		}
		address, err := netip.ParseAddr(found)
		if err != nil || address.IsLoopback() || address.IsUnspecified() {
			continue
		}
		out.WriteString(text[copied:start])
		out.WriteString("[ip]")
		copied = start + len(found)
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

func addressByte(ch byte) bool {
	return ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F' || ch == ':' || ch == '.'
}

func wordByte(ch byte) bool {
	return ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '_' || ch >= 0x80
}
