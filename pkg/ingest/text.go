package ingest

import (
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// Lengths beyond which a text is cut, in bytes. They are far above what real clients send and keep one item from
// filling a block of the store.
const (
	maxName      = 128
	maxSelector  = 512
	maxURL       = 1024
	maxMessage   = 4096
	maxAttribute = 512
	maxID        = 64
	maxFrames    = 50
)

// cutMark ends a text that was cut, so that nobody takes it for the whole.
const cutMark = enrich.CutMark

// texts keeps the strings of a beacon. They are carved out of chunks that are never written again once carved and
// never reused, so a string is as safe as any other, and there is one allocation for dozens of them.
type texts struct {
	chunk []byte
}

const chunkSize = 8 << 10

// keep copies bytes that the decoder will overwrite.
func (t *texts) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if !utf8.Valid(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	if len(b) > cap(t.chunk)-len(t.chunk) {
		if len(b) > chunkSize/4 {
			return string(b)
		}
		t.chunk = make([]byte, 0, chunkSize)
	}
	start := len(t.chunk)
	t.chunk = append(t.chunk, b...)
	kept := t.chunk[start:]
	return unsafe.String(unsafe.SliceData(kept), len(kept))
}

// keepCut keeps at most limit bytes, ending in the mark when there was more.
func (t *texts) keepCut(b []byte, limit int) string {
	if len(b) <= limit {
		return t.keep(b)
	}
	end := limit - len(cutMark)
	for end > 0 && !utf8.RuneStart(b[end]) {
		end--
	}
	return t.keep(b[:end]) + cutMark
}

// cut shortens a text that was kept whole.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len(cutMark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cutMark
}

// known drops what Faro writes where it knows nothing.
func known(s string) string {
	if s == "unknown" || s == "undefined" || s == "null" {
		return ""
	}
	return s
}

// safeID keeps an identifier that clients choose within 64 characters that need no quoting anywhere, and drops
// anything else: an identifier that was altered would join the wrong rows.
func safeID(s string) string {
	if len(s) > maxID {
		return ""
	}
	for i := range len(s) {
		ch := s[i]
		if ch <= ' ' || ch == '"' || ch == '\'' || ch == '\\' || ch == '<' || ch == '>' || ch >= 0x7f {
			return ""
		}
	}
	return s
}

// hexID keeps a trace or span id of the given length in lower case. All zeros mean that there is none (W3C Trace
// Context), and anything else is not an id.
func hexID(s string, length int) string {
	if len(s) != length {
		return ""
	}
	upper, zero := false, true
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '0':
		case ch >= '1' && ch <= '9', ch >= 'a' && ch <= 'f':
			zero = false
		case ch >= 'A' && ch <= 'F':
			zero, upper = false, true
		default:
			return ""
		}
	}
	switch {
	case zero:
		return ""
	case upper:
		return strings.ToLower(s)
	}
	return s
}
