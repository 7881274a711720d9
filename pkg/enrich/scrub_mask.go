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

// maskIPs masks what parses as an address, save the loopback and unspecified ones, which name nobody.
func maskIPs(text string, note func(found, mark string)) string {
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
		// A word that only ends in such characters is no address.
		if start > 0 && wordByte(text[start-1]) || i < len(text) && wordByte(text[i]) {
			continue
		}
		found := strings.TrimRight(text[start:i], ".:")
		if strings.HasSuffix(text[start:i], "::") && strings.Count(found, ":") > 0 {
			found += "::"
		}
		if host, _, port := strings.Cut(found, ":"); port && strings.Count(found, ":") == 1 {
			found = host
		}
		address, err := netip.ParseAddr(found)
		if err != nil || address.IsLoopback() || address.IsUnspecified() {
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

func addressByte(ch byte) bool {
	return ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F' || ch == ':' || ch == '.'
}

func wordByte(ch byte) bool {
	return ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '_' || ch >= 0x80
}
