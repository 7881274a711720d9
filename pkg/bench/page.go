package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const intro = `# Benchmarks

Written by ` + "`go tool mage bench`" + ` from the figures in [benchmarks/](benchmarks): each part is run by itself and keeps its own, so the
parts may come from different times and commits; each says which. Change a figure by measuring it again, not here.

` + "```sh" + `
go tool mage benchList                   # the parts
go tool mage bench                       # all of them, one after the other
BENCH=ingest,insert go tool mage bench   # some
` + "```" + `

Unless something else is said, a figure is the median of its repetitions, with the least and the greatest behind it, and
contestants took turns (A B C A B C …). The machines are shared: processor time (user and kernel, of the named process alone,
from ` + "`/proc`" + `) and ratios within one run mean something. What the clock says (acknowledgements, starts, answers) is above all how
many others waited for the two cores: with a load average far above 2, a mark in milliseconds is neither reached nor missed.

`

// WritePage writes the page of all results, in the order given, and draws their charts beside it.
func WritePage(page, images string, results []Result) error {
	var text strings.Builder
	text.WriteString(intro)
	writeMarks(&text, results)
	for _, r := range results {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n`%s` — %s.\n", r.Title, r.About, r.Command, r.Machine)
		for _, table := range r.Tables {
			text.WriteString("\n")
			table.write(&text)
		}
		for _, figure := range r.Charts {
			if err := figure.Chart.Write(filepath.Join(images, figure.File)); err != nil {
				return err
			}
			fmt.Fprintf(&text, "\n![%s](img/%s)\n", figure.Alt, figure.File)
		}
		if r.Bars != nil {
			contests := slices.DeleteFunc(slices.Clone(r.Tables), func(t Table) bool {
				return len(t.Columns) <= r.Bars.Column || t.Columns[r.Bars.Column].Name != r.Tables[0].Columns[r.Bars.Column].Name
			})
			if err := r.Bars.Write(filepath.Join(images, r.Bars.File), contests); err != nil {
				return err
			}
			fmt.Fprintf(&text, "\n![%s](img/%s)\n", r.Bars.Title, r.Bars.File)
		}
		if r.Note != "" {
			fmt.Fprintf(&text, "\n%s\n", r.Note)
		}
		for i, note := range r.Notes {
			if i == 0 {
				text.WriteString("\n")
			}
			fmt.Fprintf(&text, "- %s\n", note)
		}
	}
	if err := os.WriteFile(page, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write the page of benchmarks: %w", err)
	}
	return nil
}

// writeMarks is the table of what was to be reached, of all parts.
func writeMarks(text *strings.Builder, results []Result) {
	text.WriteString("## Marks\n\n| part | what | mark | measured | | load average |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, m := range r.Marks {
			reached := "**missed**"
			switch {
			case m.Smaller:
				reached = "on less: open"
			case m.Reached:
				reached = "reached"
			}
			fmt.Fprintf(text, "| [%s](#%s) | %s | %s | %s | %s | %.1f |\n", r.Part, anchor(r.Title), m.What, m.Mark, m.Measured, reached,
				r.Machine.Load)
		}
	}
}

func (t Table) write(text *strings.Builder) {
	fmt.Fprintf(text, "| %s |", t.What)
	for _, c := range t.Columns {
		fmt.Fprintf(text, " %s |", c.Name)
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(t.Columns)) + "\n")
	for _, row := range t.Rows {
		fmt.Fprintf(text, "| %s |", row.Name)
		for i, c := range t.Columns {
			fmt.Fprintf(text, " %s |", c.cell(row.Values[i]))
		}
		text.WriteString("\n")
	}
}

// cell is the median, with the least and the greatest of several repetitions that differ.
func (c Column) cell(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	middle := c.number(Median(values))
	least, greatest := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		least, greatest = min(least, v), max(greatest, v)
	}
	if low, high := c.number(least), c.number(greatest); low != high {
		return fmt.Sprintf("%s (%s – %s)", middle, low, high)
	}
	return middle
}

// number has commas between thousands.
func (c Column) number(v float64) string {
	return Thousands(v, c.Decimals)
}

// Thousands writes a number with commas between its thousands.
func Thousands(v float64, decimals int) string {
	digits := fmt.Sprintf("%.*f", decimals, math.Abs(v))
	whole, fraction, _ := strings.Cut(digits, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if v < 0 {
		whole = "-" + whole
	}
	return whole
}

// anchor is how a heading is named in an address.
func anchor(title string) string {
	var name strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ', r == '-':
			name.WriteRune('-')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			name.WriteRune(r)
		}
	}
	return name.String()
}
