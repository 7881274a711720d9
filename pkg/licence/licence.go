// Package licence tells under which licences the code of others is that the programs are built from, and whether their
// terms suit a program under Apache-2.0.
package licence

import (
	"fmt"
	"slices"
	"strings"
)

// allowed are the licences, by their SPDX names, that ask for no more than being named: what is given on may be under
// Apache-2.0. Those of MPL-2.0 ask that changes to their own files stay open, and none of ours changes any.
var allowed = []string{
	"0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0",
	"Unlicense", "Zlib",
}

// Used is a module or package of somebody else.
type Used struct {
	Name     string
	Version  string
	Licences []string // SPDX names, all of which hold; none if none was found
}

// Refused says why something may not be used, or "" if it may.
func (u Used) Refused() string {
	if len(u.Licences) == 0 {
		return fmt.Sprintf("%s@%s has no licence that is known: read what comes with it, then name it in pkg/licence",
			u.Name, u.Version)
	}
	for _, one := range u.Licences {
		if !slices.Contains(allowed, one) {
			return fmt.Sprintf("%s@%s is under %s: replace it, or add the licence to pkg/licence if its terms suit Apache-2.0",
				u.Name, u.Version, one)
		}
	}
	return ""
}

// Refusals are those of all that may not be used, in their order.
func Refusals(all []Used) []string {
	var refusals []string
	for _, one := range all {
		if refused := one.Refused(); refused != "" {
			refusals = append(refusals, refused)
		}
	}
	return refusals
}

// expression reads an SPDX expression as packages have it: all of what AND joins, of what OR joins the first that is
// allowed.
func expression(text string) []string {
	var all []string
	for _, part := range strings.Split(strings.Trim(text, "()"), " AND ") {
		choices := strings.Split(part, " OR ")
		chosen := choices[0]
		for _, choice := range choices {
			if slices.Contains(allowed, choice) {
				chosen = choice
				break
			}
		}
		all = append(all, chosen)
	}
	return all
}
