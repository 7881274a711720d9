package enrich

import "strings"

// CutMark ends a text that was cut when it was decoded, which is before it is scrubbed. The invisible joiner in it tells
// a cut from the dots that a page writes itself.
const CutMark = "\u2060…"

// withoutHalves takes the last word off a text that was cut: it may be half of something private, and half an address
// passes for a word. Some texts are put together of several that were.
func withoutHalves(text string, note func(Masked)) string {
	whole, rest, cut := strings.Cut(text, CutMark)
	if !cut {
		return text
	}
	var out strings.Builder
	for cut {
		kept := withoutHalf(whole)
		if note != nil && kept != whole {
			note(Masked{Rule: "cut", Found: whole[len(kept):], Mark: "…"})
		}
		out.WriteString(kept)
		out.WriteString("…")
		whole, rest, cut = strings.Cut(rest, CutMark)
	}
	out.WriteString(whole)
	return out.String()
}

// withoutHalf takes off the last word; of a number, all its groups.
func withoutHalf(text string) string {
	digits := len(text)
	for digits > 0 && strings.IndexByte("0123456789 -+.()/", text[digits-1]) >= 0 {
		digits--
	}
	end := strings.LastIndexAny(text, " \t\n\"'<>,;()/") + 1
	if countDigits(text[digits:]) >= 6 {
		end = min(end, digits)
	}
	return text[:end]
}
