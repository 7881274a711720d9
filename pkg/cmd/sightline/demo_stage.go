package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// stage is what the demo says, and how.
type stage struct {
	out     *os.File
	colour  bool
	unheard func() // called when nobody reads any more
}

func (s *stage) line(format string, arguments ...any) {
	if _, err := fmt.Fprintf(s.out, format+"\n", arguments...); err != nil {
		s.unheard()
	}
}

// margin is how far answers are set in.
const margin = "   "

// text prints an answer, set in a little.
func (s *stage) text(answer string) {
	for line := range strings.Lines(answer) {
		s.line(margin+"%s", strings.TrimSuffix(line, "\n"))
	}
}

func (s *stage) done(format string, arguments ...any) { s.line("  ✓ "+format, arguments...) }

// working says what takes a while, and returns what says that it is done; at a terminal in the same line.
func (s *stage) working(what string) func(format string, arguments ...any) {
	if !isatty.IsTerminal(s.out.Fd()) {
		return s.done
	}
	fmt.Fprintf(s.out, "  … %s", what)
	return func(format string, arguments ...any) {
		fmt.Fprint(s.out, "\r\x1b[2K")
		s.done(format, arguments...)
	}
}

func (s *stage) bold(text string) string  { return s.styled("1", text) }
func (s *stage) faint(text string) string { return s.styled("2", text) }

func (s *stage) styled(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
