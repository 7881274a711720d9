package engine

import "strings"

// token is one lexical element of a statement.
type token struct {
	kind       tokenKind
	start, end int // byte offsets
	depth      int // how many brackets are open around it
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuoted // a quoted identifier
	tokenText   // a string literal
	tokenSign
)

// scanner walks a statement's tokens, leaving out white space and comments. It serves to find where an INSERT's data
// begins; what a statement may do is decided by the engine's own parser.
type scanner struct {
	text  string
	at    int
	depth int
}

func (s *scanner) next() token {
	s.skipBlank()
	if s.at >= len(s.text) {
		return token{kind: tokenEnd, start: len(s.text), end: len(s.text), depth: s.depth}
	}
	start, depth := s.at, s.depth
	kind := tokenSign
	switch c := s.text[s.at]; {
	case c == '\'':
		kind = tokenText
		s.quoted(c)
	case c == '"' || c == '`':
		kind = tokenQuoted
		s.quoted(c)
	case isWordByte(c):
		kind = tokenWord
		for s.at < len(s.text) && isWordByte(s.text[s.at]) {
			s.at++
		}
	default:
		switch c {
		case '(', '[', '{':
			s.depth++
		case ')', ']', '}':
			s.depth--
			depth = s.depth
		}
		s.at++
	}
	return token{kind: kind, start: start, end: s.at, depth: depth}
}

// skipBlank passes over white space and the comment forms -- , //, #, and /* */.
func (s *scanner) skipBlank() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case isBlank(rest[0]):
			s.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"), rest[0] == '#':
			s.skipPast("\n")
		case strings.HasPrefix(rest, "/*"):
			s.at += 2
			s.skipPast("*/")
		default:
			return
		}
	}
}

func (s *scanner) skipPast(end string) {
	if i := strings.Index(s.text[s.at:], end); i >= 0 {
		s.at += i + len(end)
	} else {
		s.at = len(s.text)
	}
}

// quoted passes over a quoted token; a backslash or a doubled quote keeps it open.
func (s *scanner) quoted(quote byte) {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case quote:
			if s.at+1 >= len(s.text) || s.text[s.at+1] != quote {
				s.at++
				return
			}
			s.at++
		}
	}
	s.at = min(s.at, len(s.text))
}

func isBlank(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0 }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80
}

// is reports whether a token is the given keyword.
func (s *scanner) is(t token, keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(s.text[t.start:t.end], keyword)
}

// insertHead is the part of an INSERT before its data.
type insertHead struct {
	statement string // without the FORMAT clause
	format    string
	data      int // offset of the data in the text, its length when none follows
}

// splitInsert finds the format and the data of an INSERT with FORMAT. It reports false for every other statement:
// one that is no INSERT, one that inserts a query's result, or literal values.
func splitInsert(text string) (insertHead, bool) {
	s := &scanner{text: text}
	if !s.is(s.next(), "INSERT") {
		return insertHead{}, false
	}
	for {
		t := s.next()
		if t.kind == tokenEnd {
			return insertHead{}, false
		}
		if t.depth > 0 {
			continue
		}
		if s.is(t, "SELECT") || s.is(t, "WITH") || s.is(t, "VALUES") || s.is(t, "INFILE") {
			return insertHead{}, false
		}
		if !s.is(t, "FORMAT") {
			continue
		}
		name := s.next()
		if name.kind != tokenWord {
			return insertHead{}, false
		}
		return insertHead{
			statement: strings.TrimSpace(text[:t.start]),
			format:    text[name.start:name.end],
			data:      dataStart(text, name.end),
		}, !s.is(name, "VALUES")
	}
}

// dataStart is where data begins after the format's name: past blanks, one semicolon, and at most one line break, so
// that binary data starting with a blank is kept whole.
func dataStart(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == ';') {
		at++
	}
	if strings.HasPrefix(text[at:], "\r\n") {
		return at + 2
	}
	if strings.HasPrefix(text[at:], "\n") {
		return at + 1
	}
	return at
}

// streams reports whether a statement's result can be fetched in pieces: the library does so for SELECT alone, and
// begins every piece like a document of its own, which only formats without a frame or a heading stand.
func streams(text, format string) bool {
	s := &scanner{text: text}
	first := s.next()
	for first.kind == tokenSign && text[first.start] == '(' {
		first = s.next()
	}
	if !s.is(first, "SELECT") && !s.is(first, "WITH") && !s.is(first, "FROM") {
		return false
	}
	switch format {
	case "Native", "RowBinary", "Null",
		"TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "LineAsString",
		"JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow", "JSONStringsEachRow", "JSONCompactStringsEachRow":
		return true
	}
	return false
}

// formatClause returns the format that a statement's FORMAT clause names, or the given one if it has none.
func formatClause(text, otherwise string) string {
	s := &scanner{text: text}
	for t := s.next(); t.kind != tokenEnd; t = s.next() {
		if t.depth == 0 && s.is(t, "FORMAT") {
			if name := s.next(); name.kind == tokenWord {
				otherwise = text[name.start:name.end]
			}
		}
	}
	return otherwise
}
