package ingest

import (
	"strings"

	"github.com/go-faster/jx"
)

func (d *reading) decodeMeta(j *jx.Decoder) error {
	m := &d.claims
	into := func(text *string, limit int) (err error) {
		*text, err = d.string(j, limit)
		return err
	}
	return d.fields(j, func(key []byte) error {
		switch string(key) {
		case "sdk":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "name":
					return into(&m.sdkName, 32)
				case "version":
					return into(&m.sdkVersion, 32)
				}
				return j.Skip()
			})
		case "app":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "name":
					return into(&m.appName, maxName)
				case "release":
					return into(&m.release, maxName)
				case "version":
					return into(&m.version, maxName)
				case "environment":
					return into(&m.environment, maxName)
				}
				return j.Skip()
			})
		case "user":
			return d.fields(j, func(key []byte) error {
				if string(key) == "id" {
					return into(&m.userID, maxMessage)
				}
				return j.Skip()
			})
		case "session":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					return into(&m.sessionID, maxName)
				case "attributes":
					m.session, err = d.attributes(j, m.session)
					return err
				}
				return j.Skip()
			})
		case "page":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					return into(&m.pageID, maxURL)
				case "url":
					return into(&m.pageURL, maxURL)
				case "attributes":
					m.page, err = d.attributes(j, m.page)
					return err
				}
				return j.Skip()
			})
		case "view":
			return d.fields(j, func(key []byte) error {
				if string(key) == "name" {
					return into(&m.view, maxName)
				}
				return j.Skip()
			})
		case "browser":
			return d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "userAgent":
					return into(&m.userAgent, maxSelector)
				case "os":
					return into(&m.browserOS, 64)
				case "platform":
					return into(&m.platform, 64)
				case "language":
					return into(&m.language, 35)
				case "viewportWidth":
					return into(&m.width, 16)
				case "viewportHeight":
					return into(&m.height, 16)
				case "connection", "effectiveType":
					return into(&m.connection, 16)
				case "mobile":
					text, err := d.string(j, 8)
					m.mobile = text == "true"
					return err
				case "brands":
					m.brands, err = d.decodeBrands(j)
					return err
				}
				return j.Skip()
			})
		case "os":
			return d.fields(j, func(key []byte) error {
				if string(key) == "name" {
					return into(&m.osName, 64)
				}
				return j.Skip()
			})
		case "k6":
			if j.Next() == jx.Object {
				m.synthetic = "k6"
			}
			return j.Skip()
		case "geo":
			return d.fields(j, func(key []byte) error {
				switch string(key) {
				case "country_iso":
					return into(&m.country, 8)
				case "subdivision_iso":
					return into(&m.subdivision, 8)
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
}

// decodeBrands reads the brands of the client hints, a list of brand and version, or the text they are already.
func (d *reading) decodeBrands(j *jx.Decoder) (string, error) {
	if j.Next() != jx.Array {
		text, err := d.string(j, maxSelector)
		return known(text), err
	}
	var all strings.Builder
	err := j.Arr(func(j *jx.Decoder) error {
		var brand, version string
		err := d.fields(j, func(key []byte) (err error) {
			switch string(key) {
			case "brand":
				brand, err = d.string(j, 64)
			case "version":
				version, err = d.string(j, 32)
			default:
				err = j.Skip()
			}
			return err
		})
		if brand != "" && all.Len() < maxSelector {
			if all.Len() > 0 {
				all.WriteString(", ")
			}
			all.WriteString(brand)
			all.WriteByte('/')
			all.WriteString(version)
		}
		return err
	})
	return all.String(), err
}
