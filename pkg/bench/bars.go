package bench

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Bars is a picture of one measure of contests, drawn from their tables when the page is written: a group of bars for each
// contestant, a bar of it for each table. A bar is the median; a thin line on it goes from the least to the greatest. An SVG
// leaves the words to the fonts of whoever looks at it, and long names then lie on the bars: a PNG has its own.
type Bars struct {
	File, Title string
	Column      int
}

// Write draws tables that have the same contestants. Their first row is at the top.
func (b Bars) Write(path string, tables []Table) error {
	const group, bar = 0.8, vg.Length(12) // of the way to the next group, and points
	if len(tables) == 0 || len(tables[0].Rows) == 0 {
		return fmt.Errorf("draw %s: nothing was measured", path)
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.BackgroundColor, p.X.Min = b.Title, tables[0].Columns[b.Column].Name, color.White, 0
	p.Legend.Top = true
	names := make([]string, len(tables[0].Rows))
	for i, row := range tables[0].Rows {
		names[len(names)-1-i] = row.Name
	}
	p.NominalY(names...)
	p.Add(plotter.NewGrid())
	for n, table := range tables {
		at := group * (float64(len(tables)-1)/2 - float64(n)) / float64(len(tables))
		medians := make(plotter.Values, len(names))
		var spread spread
		for i, name := range names {
			row := slices.IndexFunc(table.Rows, func(r Row) bool { return r.Name == name })
			if row < 0 || len(table.Rows[row].Values[b.Column]) == 0 {
				continue
			}
			measured := table.Rows[row].Values[b.Column]
			medians[i] = Median(measured)
			spread.XYs = append(spread.XYs, plotter.XY{X: medians[i], Y: float64(i) + at})
			spread.XErrors = append(spread.XErrors,
				struct{ Low, High float64 }{slices.Min(measured) - medians[i], slices.Max(measured) - medians[i]})
		}
		bars, err := plotter.NewBarChart(medians, bar)
		if err != nil {
			return fmt.Errorf("draw %s: %s: %w", path, table.What, err)
		}
		bars.Horizontal, bars.XMin, bars.Color, bars.LineStyle.Width = true, at, palette[n%len(palette)], 0
		lines, err := plotter.NewXErrorBars(spread)
		if err != nil {
			return fmt.Errorf("draw %s: %s: %w", path, table.What, err)
		}
		p.Add(bars, lines)
		p.Legend.Add(table.What, bars)
	}
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.6, float64(len(names))+0.1 // room for the legend
	height := bar*vg.Length(len(names)*len(tables))*1.6 + 1.3*vg.Inch
	if err := p.Save(8*vg.Inch, height, path); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return nil
}

// spread is what error bars are drawn from.
type spread struct {
	plotter.XYs
	plotter.XErrors
}
