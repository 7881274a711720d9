// Package frametext prints data frames for people at a terminal: series as one line each with a spark line, everything
// else as an aligned table, with the units, thresholds and notices the frames carry.
package frametext

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Options say where the text goes. The zero value suits a pipe: no colours, no limit on the width, times in UTC.
type Options struct {
	Width    int            // columns of the terminal; 0 means no limit
	Colour   bool           // colour values by their thresholds
	Location *time.Location // zone of printed times
}

// Write prints the frames of one answer: first the series, then each other frame, then what the plugin noted about
// them. An answer that holds nothing says so.
func Write(w io.Writer, frames data.Frames, options Options) error {
	if options.Location == nil {
		options.Location = time.UTC
	}
	p := printer{Options: options}

	var series []*data.Frame
	for _, frame := range frames {
		if isSeries(frame) {
			series = append(series, frame)
		}
	}
	p.series(series)
	for _, frame := range frames {
		if !isSeries(frame) {
			p.frame(frame)
		}
	}
	if p.empty() {
		p.line("No data: nothing in this time range matches.")
	}
	for _, frame := range frames {
		p.notices(frame)
	}
	_, err := io.WriteString(w, p.text.String())
	return err
}

// printer gathers the text of one answer.
type printer struct {
	Options
	text strings.Builder
	said map[string]bool // notices already printed: every series of an answer carries the same ones
}

func (p *printer) empty() bool { return p.text.Len() == 0 }

func (p *printer) line(format string, arguments ...any) {
	fmt.Fprintf(&p.text, format+"\n", arguments...)
}

func (p *printer) notices(frame *data.Frame) {
	if frame.Meta == nil {
		return
	}
	if p.said == nil {
		p.said = map[string]bool{}
	}
	for _, notice := range frame.Meta.Notices {
		if p.said[notice.Text] {
			continue
		}
		p.said[notice.Text] = true
		word, colour := "Note", text.FgCyan
		switch notice.Severity {
		case data.NoticeSeverityWarning:
			word, colour = "Warning", text.FgYellow
		case data.NoticeSeverityError:
			word, colour = "Error", text.FgRed
		}
		p.line("%s: %s", p.coloured(word, colour), Printable(notice.Text))
	}
}

func (p *printer) coloured(s string, colour text.Color) string {
	if !p.Colour {
		return s
	}
	// Not text.Color.Sprint: go-pretty looks at the environment itself, while here the caller has decided.
	return colour.EscapeSeq() + s + text.EscapeReset
}
