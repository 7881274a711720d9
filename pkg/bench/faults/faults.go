// Package faults keeps the books of the fault tests: what was sent, acknowledged and stored while something was broken
// on purpose, and the table of it in docs/reliability.md.
package faults

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Case is what one fault test counted, in beacons. Cases that send none have figures alone.
type Case struct {
	Order        int    `json:"order"` // its place in the table
	Fault        string `json:"fault"`
	How          string `json:"how"`
	Sent         int    `json:"sent"`
	Acknowledged int    `json:"acknowledged"`
	Stored       int    `json:"stored"`  // different ones; what was sent and not acknowledged may be among them
	Lost         int    `json:"lost"`    // acknowledged and not stored
	Doubled      int    `json:"doubled"` // stored more than once
	Figures      string `json:"figures"` // what else was measured
	Seconds      int    `json:"seconds"` // the test took
}

// Append adds a case to a file of them, one a line.
func Append(path string, c Case) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a fault's books: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write a fault's books: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// Read returns the cases of a file in the table's order. Of those that stand there twice, the later counts.
func Read(path string) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the faults' books: %w", err)
	}
	var cases []Case
	for line := range strings.Lines(string(text)) {
		var c Case
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return nil, fmt.Errorf("read the faults' books %s: %w", path, err)
		}
		cases = slices.DeleteFunc(cases, func(earlier Case) bool { return earlier.Order == c.Order })
		cases = append(cases, c)
	}
	slices.SortFunc(cases, func(a, b Case) int { return cmp.Compare(a.Order, b.Order) })
	return cases, nil
}

// Table is the cases in Markdown.
func Table(cases []Case) string {
	var out strings.Builder
	out.WriteString("| fault | how | sent | acknowledged | stored | lost | doubled | besides |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range cases {
		counts := fmt.Sprintf("%d | %d | %d | %d | %d", c.Sent, c.Acknowledged, c.Stored, c.Lost, c.Doubled)
		if c.Sent == 0 {
			counts = "| | | |"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", c.Fault, c.How, counts, c.Figures)
	}
	return out.String()
}

// The table's place in a document.
const (
	begin = "<!-- the table of `go tool mage faults` begins -->\n"
	end   = "<!-- the table of `go tool mage faults` ends -->\n"
)

// WriteInto puts the table into its place in a document.
func WriteInto(document, table string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("write the faults' table: %w", err)
	}
	before, rest, begun := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return fmt.Errorf("write the faults' table: %s lacks the lines between which it belongs: %s and %s", document,
			strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(document, []byte(before+begin+"\n"+table+"\n"+end+after), 0o644)
}
