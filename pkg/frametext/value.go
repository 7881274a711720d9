package frametext

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// notEnough stands for a percentile that had too few samples to mean anything. Any other missing value is a dash.
const (
	notEnough = "not enough data"
	missing   = "–"
)

// longText is where a cell's text is cut: messages and stacks can run to kilobytes.
const longText = 120

var counts = message.NewPrinter(language.English)

// value is one cell as people read it, in the unit of its field and coloured by the field's thresholds.
func (p *printer) value(field *data.Field, row int) string {
	concrete, ok := field.ConcreteAt(row)
	if !ok {
		if field.Name == "value" && field.Config != nil && field.Config.NoValue == notEnough {
			return p.coloured(notEnough, text.FgHiBlack)
		}
		return missing
	}
	switch v := concrete.(type) {
	case time.Time:
		return v.In(p.Location).Format(time.DateTime)
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case string:
		return text.Snip(oneLine(v), longText, "…")
	case json.RawMessage:
		return text.Snip(oneLine(string(v)), longText, "…")
	}
	number, err := field.FloatAt(row)
	if err != nil {
		return missing
	}
	return p.number(field, number)
}

func (p *printer) number(field *data.Field, number float64) string {
	if math.IsNaN(number) {
		return missing
	}
	written := withUnit(number, unit(field))
	if colour, ok := thresholdColour(field, number); ok {
		return p.coloured(written, colour)
	}
	return written
}

// withUnit writes a number in one of the Grafana units the plugin uses.
func withUnit(number float64, unit string) string {
	switch unit {
	case "ms":
		switch size := math.Abs(number); {
		case size >= 120_000:
			return plain(number/60_000, 3) + " min"
		case size >= 1000:
			return plain(number/1000, 3) + " s"
		default:
			return plain(number, 3) + " ms"
		}
	case "s":
		return withUnit(number*1000, "ms")
	case "percentunit":
		return strconv.FormatFloat(number*100, 'f', 1, 64) + " %"
	case "percent":
		return strconv.FormatFloat(number, 'f', 1, 64) + " %"
	case "bytes", "decbytes":
		const names = " kMGT"
		n := 0
		for ; math.Abs(number) >= 1000 && n < len(names)-1; n++ {
			number /= 1000
		}
		return plain(number, 3) + strings.TrimSuffix(" "+names[n:n+1], " ") + "B"
	case "reqps":
		return plain(number, 3) + "/s"
	case "", "none", "short":
		return plain(number, 3)
	default:
		return plain(number, 3) + " " + unit
	}
}

// plain writes whole numbers in full with thousands separated, and others with so many significant digits.
func plain(number float64, digits int) string {
	if number == math.Trunc(number) && math.Abs(number) < 1e15 {
		return counts.Sprintf("%d", int64(number))
	}
	if math.Abs(number) >= math.Pow10(digits)-0.5 { // would be rounded to an exponent
		return counts.Sprintf("%d", int64(math.Round(number)))
	}
	return strconv.FormatFloat(number, 'g', digits, 64)
}

func unit(field *data.Field) string {
	if field.Config == nil {
		return ""
	}
	return field.Config.Unit
}

// thresholdColour is the colour of the last step a value reaches, as Grafana paints it.
func thresholdColour(field *data.Field, number float64) (text.Color, bool) {
	if field.Config == nil || field.Config.Thresholds == nil {
		return 0, false
	}
	name := ""
	for _, step := range field.Config.Thresholds.Steps {
		if number >= float64(step.Value) || math.IsInf(float64(step.Value), -1) || math.IsNaN(float64(step.Value)) {
			name = step.Color
		}
	}
	for part, colour := range map[string]text.Color{
		"green": text.FgGreen, "yellow": text.FgYellow, "orange": text.FgYellow, "red": text.FgRed,
	} {
		if strings.HasSuffix(name, part) {
			return colour, true
		}
	}
	return 0, false
}

func oneLine(s string) string { return Printable(strings.Join(strings.Fields(s), " ")) }

// Printable is a text without what a terminal would obey instead of show: escape sequences, and marks that turn the
// direction of writing round. Whoever sends a beacon chooses its texts, and they must not move an operator's cursor.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
