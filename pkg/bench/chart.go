// Package bench draws the measured figures in docs/. It has no part in the product.
package bench

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot" // kept by the people of gonum, writes SVG without a browser or a C library
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Line is a measured curve: pairs of x and y in the units of the chart's axes.
type Line struct {
	Name   string
	X, Y   []float64
	Dashed bool // what is compared against
}

// Chart is a picture of curves over one axis.
type Chart struct {
	Title, X, Y string // the axes say their units
	LogX        bool
	Lines       []Line
}

// palette is distinct for colour-blind readers, too (Okabe and Ito, 2008).
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	color.RGBA{0x55, 0x55, 0x55, 0xff},
}

// Write draws the chart into a file whose ending says the format, .svg or .png. The y axis begins at zero, so that
// growth looks as large as it is. A chart without points is an error.
func (c Chart) Write(path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.BackgroundColor = color.White
	p.Legend.Top, p.Legend.Left = true, true
	p.Y.Min = 0
	if c.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, c.measured()
	}
	p.Add(plotter.NewGrid())
	points, top := 0, 0.
	for i, line := range c.Lines {
		if len(line.X) != len(line.Y) {
			return fmt.Errorf("draw %s: %q has %d x and %d y", path, line.Name, len(line.X), len(line.Y))
		}
		xys := make(plotter.XYs, len(line.X))
		for j := range xys {
			xys[j] = plotter.XY{X: line.X[j], Y: line.Y[j]}
			top = math.Max(top, line.Y[j])
		}
		if len(xys) == 0 {
			continue
		}
		points += len(xys)
		curve, err := plotter.NewLine(xys)
		if err != nil {
			return fmt.Errorf("draw %s: %q: %w", path, line.Name, err)
		}
		curve.Color, curve.Width = palette[i%len(palette)], vg.Points(1.6)
		if line.Dashed {
			curve.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(curve)
		if c.LogX { // few, and far between: where was it measured?
			dots, err := plotter.NewScatter(xys)
			if err != nil {
				return fmt.Errorf("draw %s: %q: %w", path, line.Name, err)
			}
			dots.Color, dots.Shape = curve.Color, draw.CircleGlyph{}
			p.Add(dots)
		}
		p.Legend.Add(line.Name, curve)
	}
	if points == 0 {
		return fmt.Errorf("draw %s: no points", path)
	}
	p.Y.Max = 1.25 * math.Max(top, 1e-9) // room for the legend
	if err := p.Save(7*vg.Inch, 4.2*vg.Inch, path); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return nil
}

// measured are ticks at the points themselves.
func (c Chart) measured() plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, line := range c.Lines {
		for _, x := range line.X {
			if !slices.ContainsFunc(ticks, func(t plot.Tick) bool { return t.Value == x }) {
				ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprint(x)})
			}
		}
	}
	return ticks
}
