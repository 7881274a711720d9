package enrich

import (
	"net/netip"
	"strings"
)

// maskCard masks a number that passes the Luhn check, which one number in ten does by chance.
func maskCard(number string) string {
	sum, digits := 0, 0
	for i := len(number) - 1; i >= 0; i-- {
		if number[i] < '0' || number[i] > '9' {
			continue
		}
		d := int(number[i] - '0')
		if digits%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		digits++
	}
	if sum%10 != 0 {
		return number
	}
	return "[card]"
}

// maskPhone masks what has as many digits as a telephone number can have (E.164: at most 15 with the country's code).
func maskPhone(number string) string {
	digits := countDigits(number)
	if digits < 8 || digits > 15 {
		return number
	}
	return "[phone]"
}

func countDigits(text string) int {
	digits := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			digits++
		}
	}
	return digits
}

// maskIPs masks all addresses of a text.
func maskIPs(text string, note func(found, mark string)) string {
	return maskAddresses(text, false, note)
}

// maskAddresses masks what parses as an address, save the loopback and unspecified ones, which name nobody; and
// save what may be a product's version, as in Chrome/130.0.0.0, where there may be products.
func maskAddresses(text string, products bool, note func(found, mark string)) string {
	var out strings.Builder
	copied := 0
	for i := 0; i < len(text); {
		if !addressByte(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && addressByte(text[i]) {
			i++
		}
		if start > 0 && wordByte(text[start-1]) {
			continue // a word that only ends in such characters is no address
		}
		found := text[start : start+dottedQuad(text[start:])]
		if found == "" {
			if i < len(text) && wordByte(text[i]) {
				continue
			}
			found = wholeAddress(text[start:i])
		}
		address, err := netip.ParseAddr(found)
		if err != nil || address.IsLoopback() || address.IsUnspecified() {
			continue
		}
		if products && start > 1 && text[start-1] == '/' && wordByte(text[start-2]) {
			continue
		}
		note(found, "[ip]")
		out.WriteString(text[copied:start])
		out.WriteString("[ip]")
		copied = start + len(found)
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

// dottedQuad is the length of four numbers with dots between them at the start of a text, or 0; a fifth number makes
// them a version. What follows them may be a port, a path or a word.
func dottedQuad(text string) int {
	end, numbers := 0, 0
	for {
		digits := 0
		for end+digits < len(text) && text[end+digits] >= '0' && text[end+digits] <= '9' {
			digits++
		}
		if digits == 0 {
			return 0
		}
		end += digits
		if numbers++; numbers == 4 {
			break
		}
		if end == len(text) || text[end] != '.' {
			return 0
		}
		end++
	}
	switch rest := text[end:]; {
	case rest == "", !wordByte(rest[0]) && rest[0] != '.':
		return end
	case rest[0] == '.' && (len(rest) == 1 || rest[1] < '0' || rest[1] > '9'):
		return end
	}
	return 0
}

// wholeAddress is a run of an address's characters without what belongs to the sentence, and without a port.
func wholeAddress(run string) string {
	found := strings.TrimRight(run, ".:")
	if strings.HasSuffix(run, "::") && strings.Count(found, ":") > 0 {
		found += "::"
	}
	if host, _, port := strings.Cut(found, ":"); port && strings.Count(found, ":") == 1 {
		found = host
	}
	return found
}

func addressByte(ch byte) bool {
	return ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F' || ch == ':' || ch == '.'
}

func wordByte(ch byte) bool {
	return ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '_' || ch >= 0x80
}
