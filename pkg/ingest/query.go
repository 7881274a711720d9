package ingest

import (
	"net/url"
	"strings"
)

// eachField visits the fields of a query string or form, decoded. What cannot be decoded, and what comes after limit
// fields, is left out.
func eachField(form string, limit int, visit func(key, value string)) {
	for range limit {
		var field string
		field, form, _ = strings.Cut(form, "&")
		if key, value, ok := strings.Cut(field, "="); ok {
			decodedKey, badKey := url.QueryUnescape(key)
			decodedValue, badValue := url.QueryUnescape(value)
			if badKey == nil && badValue == nil {
				visit(decodedKey, strings.ToValidUTF8(decodedValue, "\uFFFD"))
			}
		}
		if form == "" {
			return
		}
	}
}

// maxFields is how many fields of a query string or form are read; boomerang sends about 100.
const maxFields = 512

// claimQuery reads what the address that a site's pages send to says of them. It is how formats that have no place for
// it name the app: /v1/vitals?app=shop&release=1.2.3&environment=production&session=…&key=…
func (d *reading) claimQuery(query string) {
	m := &d.claims
	m.appHint = "add ?app=NAME to the address"
	eachField(query, maxFields, func(key, value string) {
		switch key {
		case "app":
			m.appName = cut(value, maxName)
		case "release":
			m.version = cut(value, maxName)
		case "environment":
			m.environment = cut(value, maxName)
		case "session":
			m.sessionID = cut(value, maxName)
		case "user":
			m.userID = cut(value, maxMessage)
		case "route":
			m.view = cut(value, maxName)
		case "page":
			m.pageURL = cut(value, maxURL)
		case "sampling_rate":
			m.sampled = value
		case "consent":
			m.consent = value
		case "synthetic":
			m.synthetic = value
		}
	})
}
