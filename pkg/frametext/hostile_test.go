package frametext

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

// obeyed are texts that a terminal would act on: clear the screen, set the title, colour, overwrite the line, ring, turn
// the direction of writing round.
var obeyed = []string{
	"\x1b[2J\x1b[1;1H", "\x1b]0;owned\x07", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x1b[31mred\x1b[0m",
	"a\rb", "\b\b\b", "\x00", "\x7f", "\u009b2J", "\u202egnp.exe", "\u2066x\u2069",
}

func TestNothingFromABeaconIsObeyedByATerminal(t *testing.T) {
	for _, hostile := range obeyed {
		values := data.NewField(hostile, data.Labels{hostile: hostile}, []string{hostile, "two\nlines"})
		values.Config = &data.FieldConfig{DisplayNameFromDS: hostile}
		table := data.NewFrame(hostile, values, data.NewField("n", nil, []int64{1, 2}))
		table.Meta = &data.FrameMeta{Type: data.FrameTypeTable, Notices: []data.Notice{{Text: "no " + hostile}}}
		for _, width := range []int{0, 20} {
			var out bytes.Buffer
			require.NoError(t, Write(&out, data.Frames{table, lcpSeries(hostile, ptr(1), nil)}, Options{Width: width}))
			require.NotEmpty(t, out.String())
			require.False(t, strings.ContainsFunc(out.String(), func(r rune) bool {
				return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
			}), "%q", out.String())
		}
	}
}
