package query

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknown refuses a name that is none of the valid ones, listing them and the one most likely meant.
func unknown(what, name string, valid []string) error {
	end := "."
	if near := nearest(name, valid); near != "" {
		end = fmt.Sprintf(", did you mean %q?", near)
	}
	return badRequest("unknown %s %.80q%s Valid: %s", what, name, end, strings.Join(valid, ", "))
}

// nearest is the valid name that a mistyped one most likely meant, or "" when none comes close: two letters may
// differ, or a third of them in a long name.
func nearest(name string, valid []string) string {
	if len(name) > maxNameLength {
		return ""
	}
	best, most := "", max(2, len(name)/3)
	for _, candidate := range valid {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate))
		if d <= most && d < len(candidate) && d < len(name) {
			best, most = candidate, d-1
		}
	}
	return best
}
