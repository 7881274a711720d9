package shop

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Fault is something that goes wrong on a page when its address asks for it: /product/101?fault=slow-picture. Several
// are separated by commas. Faults that are there without being asked for are on the pages themselves.
type Fault struct {
	Name string
	What string // for people

	script bool   // assets/faults/NAME.js does it, before anything else on the page
	policy string // the Content-Security-Policy that does it
}

// Faults are all that a page's address can ask for.
var Faults = []Fault{
	{Name: "slow-picture", What: "the main picture comes 900 ms later"},
	{Name: "missing-picture", What: "a picture in the page is not there any more", script: true},
	{Name: "heavy-tag", What: "a partner's script keeps the page busy for 300 ms", script: true},
	{Name: "partner-badge", What: "the security policy forgot the partner's badge",
		script: true, policy: "img-src 'self' data:"},
	{Name: "closed-policy", What: "the security policy forgot the collector",
		policy: "connect-src 'self'"},
	{Name: "second-tag", What: "another vendor's script patches the same functions", script: true},
	{Name: "frozen", What: "a script freezes the browser's prototypes", script: true},
	{Name: "error-storm", What: "a widget throws 10,000 errors", script: true},
}

// switches are what the address of a page asks for beside the page.
type switches struct {
	SDK     string
	Consent string // "required" shows a banner, and nothing is measured before somebody allows it
	Faults  []Fault
}

// readSwitches reads ?sdk=, ?consent= and ?fault=. What a page is measured by when nobody asks is sdk.
func readSwitches(query url.Values, sdk string) (switches, error) {
	s := switches{SDK: cmp.Or(query.Get("sdk"), sdk), Consent: query.Get("consent")}
	if sdks := []string{Agent, Faro, None}; !slices.Contains(sdks, s.SDK) {
		return s, fmt.Errorf("there is no sdk %q: choose one of %s", s.SDK, strings.Join(sdks, ", "))
	}
	if s.Consent != "" && s.Consent != "required" {
		return s, fmt.Errorf("consent=%q says nothing: the only value is required", s.Consent)
	}
	for _, name := range strings.FieldsFunc(query.Get("fault"), func(r rune) bool { return r == ',' }) {
		i := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			return s, fmt.Errorf("there is no fault %q: choose from %s", name, strings.Join(faultNames(), ", "))
		}
		s.Faults = append(s.Faults, Faults[i])
	}
	return s, nil
}

func faultNames() []string {
	var names []string
	for _, f := range Faults {
		names = append(names, f.Name)
	}
	return names
}

// Has says whether a fault is asked for.
func (s switches) Has(name string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Name == name })
}

// Scripts are the scripts that do the faults which are done by one.
func (s switches) Scripts() []string {
	var scripts []string
	for _, f := range s.Faults {
		if f.script {
			scripts = append(scripts, "/assets/faults/"+f.Name+".js")
		}
	}
	return scripts
}

// policies are the page's Content-Security-Policies; all of them hold.
func (s switches) policies() []string {
	var policies []string
	for _, f := range s.Faults {
		if f.policy != "" {
			policies = append(policies, f.policy)
		}
	}
	return policies
}
