package frametext

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// kind of a column: only words may be cut to fit the terminal, since a route can be read when it is cut and a number or
// a time cannot.
type kind int

const (
	words   kind = iota // to the left
	fixed               // to the left, never cut
	numeric             // to the right, never cut
)

// How a wide table is made to fit the terminal: text is cut as long as it stays readable, then columns are left out from
// the right, but not the leading ones, then text is cut to the narrowest.
const (
	readable  = 48
	leading   = 5
	narrowest = 12
	gap       = 2 // the space between two columns
)

// grid is a table under construction: cells are final text, so that widths can be weighed before it is printed.
type grid struct {
	header []string
	kinds  []kind
	rows   [][]string
}

// column adds a column and returns its index.
func (g *grid) column(header string, k kind) int {
	g.header = append(g.header, header)
	g.kinds = append(g.kinds, k)
	return len(g.header) - 1
}

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) columnWidth(column int) int {
	widest := text.StringWidthWithoutEscSequences(g.header[column])
	for _, row := range g.rows {
		widest = max(widest, text.StringWidthWithoutEscSequences(row[column]))
	}
	return widest
}

func (g *grid) width() int {
	total := gap * (len(g.header) - 1)
	for column := range g.header {
		total += g.columnWidth(column)
	}
	return total
}

// frame prints anything that is not a time series, a row a line.
func (p *printer) frame(frame *data.Frame) {
	if frame.Rows() == 0 {
		return
	}
	if !p.empty() {
		p.line("")
	}
	var g grid
	for _, field := range frame.Fields {
		k := words
		switch {
		case field.Type().Numeric():
			k = numeric
		case field.Type().Time():
			k = fixed
		}
		g.column(header(field), k)
	}
	for row := range frame.Rows() {
		cells := make([]string, len(frame.Fields))
		for column, field := range frame.Fields {
			cells[column] = p.value(field, row)
		}
		g.row(cells...)
	}
	p.print(g)
}

func header(field *data.Field) string {
	if len(field.Labels) == 0 {
		return name(field)
	}
	return name(field) + " {" + Printable(field.Labels.String()) + "}"
}

// print lays the grid out. Columns that are left out because they do not fit are named below.
func (p *printer) print(g grid) {
	widths := make([]int, len(g.header))
	total := gap * (len(g.header) - 1)
	for column := range g.header {
		widths[column] = g.columnWidth(column)
		total += widths[column]
	}
	fitting := len(g.header)
	squeeze := func(least int) {
		for p.Width > 0 && total > p.Width {
			widest := -1
			for column, width := range widths[:fitting] {
				if g.kinds[column] == words && width > least && (widest < 0 || width > widths[widest]) {
					widest = column
				}
			}
			if widest < 0 {
				return
			}
			widths[widest]--
			total--
		}
	}
	drop := func(keep int) {
		for p.Width > 0 && total > p.Width && fitting > keep {
			fitting--
			total -= widths[fitting] + gap
		}
	}
	squeeze(readable)
	drop(leading)
	squeeze(narrowest)
	drop(1)
	left := g.header[fitting:]
	g.header = g.header[:fitting]

	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	header := make(table.Row, len(g.header))
	configs := make([]table.ColumnConfig, len(g.header))
	for column, name := range g.header {
		if p.Colour {
			name = text.Bold.EscapeSeq() + name + text.EscapeReset
		}
		header[column] = name
		align := text.AlignLeft
		if g.kinds[column] == numeric {
			align = text.AlignRight
		}
		configs[column] = table.ColumnConfig{
			Number: column + 1, Align: align, AlignHeader: align,
			WidthMax:         widths[column],
			WidthMaxEnforcer: func(cell string, width int) string { return text.Snip(cell, width, "…") },
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	for _, cells := range g.rows {
		row := make(table.Row, fitting)
		for column := range row {
			row[column] = cells[column]
		}
		t.AppendRow(row)
	}
	for line := range strings.Lines(t.Render() + "\n") {
		p.text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if len(left) > 0 {
		p.leftOut(left)
	}
}

// leftOut names the columns that do not fit, as many as go on a line.
func (p *printer) leftOut(columns []string) {
	said := fmt.Sprintf("… and %d more columns: %s", len(columns), strings.Join(columns, ", "))
	p.line("%s", p.coloured(text.Snip(said, p.Width, "…"), text.FgHiBlack))
}
