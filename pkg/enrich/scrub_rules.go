package enrich

import (
	"regexp"
	"strings"
)

// textRule masks one kind of private text. signs are what a text must show for the rule to be tried at all.
type textRule struct {
	name    string
	masks   string // what it is for, to people
	signs   sign
	pattern *regexp.Regexp
	mark    string                    // what stands in its place, with the groups of the pattern
	decide  func(match string) string // in place of mark, where a match may be left alone
	text    func(text string, note func(found, mark string)) string
}

// textRules in the order they are applied. Each sees what those before left: an address in a masked query is gone.
var textRules = []textRule{
	{
		name: "url-user", masks: "user and password in an address", signs: signAt, mark: "://",
		pattern: regexp.MustCompile(`://[^\s/@"'<>]+@`),
	},
	{
		name: "query", masks: "query strings and fragments with values", signs: signQuery,
		pattern: regexp.MustCompile(`[?#][A-Za-z0-9_.%\[\]$~-]+=[^\s"'<>)]*`),
	},
	{
		name: "email", masks: "e-mail addresses", signs: signAt, mark: "[email]",
		pattern: regexp.MustCompile(`(?i)[a-z0-9.!$&'*+^_{|}~-]*[a-z0-9_~-](?:@|%40)[a-z0-9-]+(?:\.[a-z0-9-]+)+`),
	},
	{
		name: "jwt", masks: "JSON Web Tokens", signs: signJWT, mark: "[token]",
		pattern: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?`),
	},
	{
		name: "secret", masks: "values named token, secret, password, api key, session id", signs: signSecret,
		mark: "$1$2[secret]",
		pattern: regexp.MustCompile(`(?i)\b((?:access|refresh|id|auth|csrf|xsrf|api|session)?[_-]?` +
			`(?:token|secret|password|passwd|pwd|apikey|api[_-]?key|sessionid|authorization))` +
			`(["']?\s*[=:]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"'&,;)}\]]+`),
	},
	{
		name: "bearer", masks: "bearer and basic credentials", signs: signBearer, mark: "$1 [token]",
		pattern: regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=_.~-]{8,}`),
	},
	{
		name: "access-key", masks: "access keys of well-known services, by how they begin", signs: signKey, mark: "[token]",
		pattern: regexp.MustCompile(`\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abp]|AKIA|AIza)[_-]?[A-Za-z0-9_-]{16,}`),
	},
	{
		name: "card", masks: "card numbers that pass the Luhn check", signs: signCard, decide: maskCard,
		pattern: regexp.MustCompile(`\b\d(?:[ -]?\d){12,18}\b`),
	},
	{
		// A bare run of digits is an order number as often as a telephone's: only what is written as a number for
		// calling is masked, with its country's code or in the North American manner.
		name: "phone", masks: "telephone numbers in international or North American form", signs: signPhone, decide: maskPhone,
		pattern: regexp.MustCompile(`(?:\+|%2[Bb])[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}` +
			`|\(\d{3}\) ?\d{3}[ .-]\d{4}|\b\d{3}[.-]\d{3}[.-]\d{4}\b`),
	},
	{name: "ip", masks: "IP addresses other than the loopback ones", signs: signIP, text: maskIPs},
}

// apply masks all matches, and tells of each when note is not nil.
func (r *textRule) apply(text string, note func(Masked)) string {
	tell := func(found, mark string) {
		if note != nil && found != mark {
			note(Masked{Rule: r.name, Found: found, Mark: mark})
		}
	}
	if r.text != nil {
		return r.text(text, tell)
	}
	matches := r.pattern.FindAllStringSubmatchIndex(text, -1)
	if matches == nil {
		return text
	}
	var out strings.Builder
	copied := 0
	for _, m := range matches {
		found := text[m[0]:m[1]]
		mark := ""
		if r.decide != nil {
			mark = r.decide(found)
		} else {
			mark = string(r.pattern.ExpandString(nil, r.mark, text, m))
		}
		tell(found, mark)
		out.WriteString(text[copied:m[0]])
		out.WriteString(mark)
		copied = m[1]
	}
	out.WriteString(text[copied:])
	return out.String()
}

// Rule is one rule of the scrubber, for people.
type Rule struct{ Name, Masks string }

// Rules lists the rules for text in the order they are applied, and those for addresses and attributes.
func Rules() []Rule {
	all := []Rule{
		{"address", "in addresses: the query, the fragment and whatever follows a semicolon"},
		{"attribute", "attributes whose name says that they name a person or hold a secret"},
		{"cut", "the last word of a text that was too long, which may be half of something private"},
	}
	for i := range textRules {
		all = append(all, Rule{textRules[i].name, textRules[i].masks})
	}
	return all
}

// Masked is one thing that a rule put a mark in place of.
type Masked struct {
	Rule  string
	Found string
	Mark  string // "" when it was removed
}

// Explain masks a text as CleanText does, and says what was masked by which rule.
func Explain(text string) (clean string, masked []Masked) {
	clean = cleanText(text, everySign, func(m Masked) { masked = append(masked, m) })
	return clean, masked
}

// ExplainURL cleans an address as CleanURL does, and says what was removed by which rule.
func ExplainURL(url string) (clean string, masked []Masked) {
	if cut := strings.IndexAny(url, "?#;"); cut >= 0 {
		masked = append(masked, Masked{Rule: "address", Found: url[cut:]})
	}
	clean = cleanURL(url, func(m Masked) { masked = append(masked, m) })
	return clean, masked
}
