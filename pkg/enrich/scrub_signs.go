package enrich

import "strings"

// sign is what a text shows at first sight of holding something private.
type sign uint16

const (
	signAt sign = 1 << iota
	signQuery
	signJWT
	signSecret
	signBearer
	signKey
	signCard
	signIP
	signPhone

	everySign = sign(1<<16 - 1)
)

// keyStarts are how access keys of well-known services begin.
var keyStarts = [...]string{
	"sk_", "pk_", "rk_", "sk-", "pk-", "ghp_", "gho_", "ghs_", "glpat-", "xoxa-", "xoxb-", "xoxp-", "AKIA", "AIza",
}

func look(text string) sign {
	var s sign
	digits, dots, colons, dashes := 0, 0, 0, 0
	phone := false
	for i := range len(text) {
		switch ch := text[i]; ch {
		case '@':
			s |= signAt
		case '%':
			switch {
			case strings.HasPrefix(text[i:], "%40"):
				s |= signAt
			case len(text) > i+2 && text[i+1] == '2' && text[i+2]|0x20 == 'b':
				phone = true
			}
		case '+', '(':
			phone = true
		case '=':
			s |= signQuery | signSecret
		case ':':
			colons++
			s |= signSecret
		case '.':
			dots++
		case '-':
			dashes++
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			digits++
		case 'e', 'E':
			switch rest := text[i:]; {
			case strings.HasPrefix(rest, "eyJ"):
				s |= signJWT
			case len(rest) > 6 && strings.EqualFold(rest[:6], "earer "):
				s |= signBearer
			}
		case 'b', 'B':
			if rest := text[i:]; len(rest) > 6 && strings.EqualFold(rest[:6], "basic ") {
				s |= signBearer
			}
		case 's', 'p', 'r', 'g', 'x', 'A':
			for _, start := range keyStarts {
				if start[0] == ch && strings.HasPrefix(text[i:], start) {
					s |= signKey
				}
			}
		}
	}
	if digits >= 13 {
		s |= signCard
	}
	if digits >= 8 && (phone || dashes+dots >= 2) {
		s |= signPhone
	}
	if digits >= 4 && dots >= 3 || colons >= 2 {
		s |= signIP
	}
	return s
}
