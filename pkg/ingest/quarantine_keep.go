package ingest

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// keeper returns what of a JSON value is kept when it is set aside, scrubbed. What has another type than it should keeps
// that type and loses its content: it is often the very mistake. Only what a format knows is kept: anything else could
// be what nobody looked at.
type keeper func(value any) any

// What a value may be: free text or an address, a name or version, an identifier, a user agent; or an object whose
// fields an app chooses, of which those are kept that are plain and whose name does not tell of a person.
var (
	plain     = keepText(cleanString)
	label     = keepText(enrich.CleanLabel)
	id        = keepText(enrich.CleanID)
	userAgent = keepText(enrich.CleanAgent)
	free      = openObject(nil)
)

// keepText keeps a text as it is cleaned, and numbers and truth values as they are.
func keepText(clean func(string) string) keeper {
	return func(value any) any {
		switch v := value.(type) {
		case map[string]any:
			return map[string]any{}
		case []any:
			return []any{}
		case string:
			return clean(cut(v, maxMessage))
		default:
			return v
		}
	}
}

// object keeps the fields that are known; without a keeper, a field is known and left out.
func object(fields map[string]keeper) keeper {
	return func(value any) any {
		given, isObject := value.(map[string]any)
		if !isObject {
			return plain(value)
		}
		kept := map[string]any{}
		for key, of := range fields {
			if field, there := given[key]; there && of != nil {
				kept[key] = of(field)
			}
		}
		return kept
	}
}

// openObject keeps the fields that are known, and those that an app chose.
func openObject(fields map[string]keeper) keeper {
	known := object(fields)
	return func(value any) any {
		given, isObject := value.(map[string]any)
		if !isObject {
			return plain(value)
		}
		kept := known(value).(map[string]any)
		for key, field := range given {
			if _, isKnown := fields[key]; !isKnown && len(kept) < maxAttributes && !enrich.PrivateKey(key) {
				kept[cut(enrich.CleanText(key), maxName)] = plain(field)
			}
		}
		return kept
	}
}

// listOf keeps the elements of a list.
func listOf(of keeper) keeper {
	return func(value any) any {
		given, isList := value.([]any)
		if !isList {
			return plain(value)
		}
		kept := []any{}
		for _, element := range given[:min(len(given), maxFrames)] {
			kept = append(kept, of(element))
		}
		return kept
	}
}

// cleanString treats what may be an address as one: a query goes with its question mark, whatever is in it.
func cleanString(text string) string {
	if strings.Contains(text, "://") && !strings.ContainsAny(text, " \n") || strings.HasPrefix(text, "/") {
		return cut(enrich.CleanURL(text), maxURL)
	}
	return enrich.CleanText(text)
}
