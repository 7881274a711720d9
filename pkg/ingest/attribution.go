package ingest

import (
	"strings"

	"github.com/go-faster/jx"
)

// decodeAttribution reads the attribution object of the web-vitals library into an item, under the names that Faro
// gives its fields: resourceLoadDelay is resource_load_delay. The performance entries in it are left out; of the longest
// script of an interaction, what names it is kept.
func (d *reading) decodeAttribution(j *jx.Decoder, i *item) error {
	return d.fields(j, func(key []byte) error {
		switch string(key) {
		case "longestScript":
			return d.fields(j, func(key []byte) error {
				if string(key) == "entry" {
					return d.fields(j, func(key []byte) error { return d.attributionField(j, i, "longest_script_", key) })
				}
				return d.attributionField(j, i, "longest_script_", key)
			})
		case "url": // of the resource, in the attribution of LCP
			return d.attributionField(j, i, "resource_", key)
		}
		return d.attributionField(j, i, "", key)
	})
}

func (d *reading) attributionField(j *jx.Decoder, i *item, prefix string, key []byte) error {
	if len(i.values)+len(i.attributes) >= 2*maxAttributes || len(key) > maxName {
		return j.Skip()
	}
	switch j.Next() {
	case jx.Number:
		name := prefix + snakeCase(key)
		m, err := d.measure(j)
		m.key = name
		i.values = append(i.values, m)
		return err
	case jx.String:
		name := prefix + snakeCase(key)
		text, err := d.string(j, maxURL)
		i.attributes = append(i.attributes, attribute{key: name, value: text})
		return err
	default:
		return j.Skip()
	}
}

// snakeCase turns firstByteToFCP into first_byte_to_fcp.
func snakeCase(key []byte) string {
	var snake strings.Builder
	for n, ch := range key {
		if ch >= 'A' && ch <= 'Z' {
			if n > 0 && (key[n-1] < 'A' || key[n-1] > 'Z') {
				snake.WriteByte('_')
			}
			ch += 'a' - 'A'
		}
		snake.WriteByte(ch)
	}
	return snake.String()
}
