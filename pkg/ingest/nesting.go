package ingest

import (
	"bytes"
	"fmt"
)

// maxNesting is how deep the objects and lists of a payload may be in each other. The deepest that real clients send,
// the attribution of a Web Vital, is seven levels; each costs a decoder a piece of its stack.
const maxNesting = 64

// checkNesting looks at the brackets of a JSON text outside its strings. It need not be valid.
func checkNesting(text []byte) error {
	depth := 0
	for at := 0; at < len(text); {
		quote := bytes.IndexByte(text[at:], '"')
		end := len(text)
		if quote >= 0 {
			end = at + quote
		}
		for i, ch := range text[at:end] {
			switch ch {
			case '{', '[':
				if depth++; depth > maxNesting {
					return fmt.Errorf("the payload is nested more than %d deep at byte %d", maxNesting, at+i)
				}
			case '}', ']':
				depth--
			}
		}
		at = afterString(text, end+1)
	}
	return nil
}

// afterString finds the first byte after a string that began before at.
func afterString(text []byte, at int) int {
	for at < len(text) {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			return len(text)
		}
		at += quote + 1
		escapes := 0
		for i := at - 2; i >= 0 && text[i] == '\\'; i-- {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
	return at
}
