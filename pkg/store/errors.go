package store

import (
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

type rumError = rum.Error

func newErrors() *table[rumError] {
	return &table[rumError]{name: "errors", fields: append(commonFields(func(e *rumError) *rum.Item { return &e.Item }),
		word("kind", func(e *rumError) string { return e.Kind }),
		word("error_type", func(e *rumError) string { return e.Type }),
		text("message", func(e *rumError) string { return e.Message }),
		text("fingerprint", func(e *rumError) string { return e.Fingerprint }),
		number("fingerprint_version", func(e *rumError) uint8 { return e.FingerprintVersion }),
		flag("handled", func(e *rumError) bool { return e.Handled }),
		text("stack", func(e *rumError) string { return stack(e.Frames) }),
		text("mapped", func(e *rumError) string { return stack(e.Mapped) }),
	)}
}

// stack writes a frame a line, as browsers do: "function (file:line:column)".
func stack(frames []rum.Frame) string {
	var out strings.Builder
	for i, f := range frames {
		if i > 0 {
			out.WriteByte('\n')
		}
		function := f.Function
		if function == "" {
			function = "<anonymous>"
		}
		out.WriteString(function)
		out.WriteString(" (")
		out.WriteString(f.File)
		if f.Line > 0 {
			out.WriteByte(':')
			out.WriteString(strconv.FormatUint(uint64(f.Line), 10))
			if f.Column > 0 {
				out.WriteByte(':')
				out.WriteString(strconv.FormatUint(uint64(f.Column), 10))
			}
		}
		out.WriteByte(')')
	}
	return out.String()
}
