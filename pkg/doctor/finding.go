// Package doctor looks at an installation from inside and from outside and says what is wrong with it, where, and how
// to mend it.
package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Level says how bad a finding is.
type Level string

// A problem keeps beacons from being taken or stored, or lets in who should stay out; a warning will, or may.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level  `json:"level"`
	About string `json:"about"` // config, keys, data, spool, disk, store, clock, sidecar, rollups; tls, cors, path, beacon
	What  string `json:"what"`
	Where string `json:"where,omitempty"` // the file, address or key it is about
	Do    string `json:"do,omitempty"`    // how to mend it; never empty for a warning or a problem
}

// Report is all findings, in the order they were made.
type Report struct {
	Findings []Finding `json:"findings"`
}

func (r *Report) ok(about, where, what string, values ...any) {
	r.Findings = append(r.Findings, Finding{Level: OK, About: about, Where: where, What: fmt.Sprintf(what, values...)})
}

func (r *Report) warn(about, where, what, do string) {
	r.Findings = append(r.Findings, Finding{Level: Warning, About: about, Where: where, What: what, Do: do})
}

func (r *Report) problem(about, where, what, do string) {
	r.Findings = append(r.Findings, Finding{Level: Problem, About: about, Where: where, What: what, Do: do})
}

// Count is how many findings have a level.
func (r *Report) Count(level Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Write prints the report for people.
func (r *Report) Write(out io.Writer) error {
	marks := map[Level]string{OK: "ok      ", Warning: "WARNING ", Problem: "PROBLEM "}
	var text strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "%s %-8s %s", marks[f.Level], f.About, f.What)
		if f.Where != "" {
			fmt.Fprintf(&text, "  (%s)", f.Where)
		}
		text.WriteByte('\n')
		if f.Do != "" {
			fmt.Fprintf(&text, "                  → %s\n", f.Do)
		}
	}
	fmt.Fprintf(&text, "\n%s, %s\n", several(r.Count(Problem), "problem"), several(r.Count(Warning), "warning"))
	_, err := io.WriteString(out, text.String())
	return err
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
