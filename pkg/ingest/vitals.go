package ingest

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-faster/jx"
)

// vitalsDecoder reads the beacons that the README of the web-vitals library tells sites to send: a metric object, or a
// list of them, as the library made it or with only some of its fields. Fields of the site's own are kept as attributes.
type vitalsDecoder struct{ reading }

func (d *vitalsDecoder) decode(p *payload) error {
	if err := checkNesting(p.body); err != nil {
		return err
	}
	d.claimQuery(p.query)
	d.claims.sdkName = "web-vitals"
	d.json.ResetBytes(p.body)
	index := 0
	take := func(j *jx.Decoder) error {
		more := d.begin("metrics", index)
		index++
		if !more {
			return j.Skip()
		}
		if j.Next() != jx.Object {
			d.reject("not an object")
			return j.Skip()
		}
		return d.takeMetric(j)
	}
	var err error
	switch d.json.Next() {
	case jx.Object:
		err = take(&d.json)
	case jx.Array:
		err = d.json.Arr(take)
	default:
		return fmt.Errorf("the payload is neither a JSON object nor a list of them")
	}
	if err != nil {
		return fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	return d.ended("value")
}

// takeMetric reads one metric object into what Faro calls a measurement.
func (d *vitalsDecoder) takeMetric(j *jx.Decoder) error {
	i := &d.item
	name, page := "", ""
	value := measure{value: math.NaN()}
	own := 0 // attributes of the site's own are gathered in front
	err := d.fields(j, func(key []byte) (err error) {
		switch string(key) {
		case "name":
			name, err = d.string(j, maxName)
		case "value":
			value, err = d.measure(j)
		case "id":
			i.value, err = d.string(j, maxName)
		case "navigationType", "navigation_type":
			i.kind, err = d.string(j, maxName)
		case "page_location", "navigationURL", "page", "url":
			page, err = d.string(j, maxURL)
		case "timestamp":
			i.ts, err = d.timestamp(j, i)
		case "attribution":
			err = d.decodeAttribution(j, i)
		case "delta", "rating", "entries", "navigationId", "navigationInteractionId", "navigationStartTime":
			err = j.Skip()
		default:
			if own < maxKept && (j.Next() == jx.String || j.Next() == jx.Number || j.Next() == jx.Bool) {
				var text string
				kept := d.texts.keepCut(key, maxName)
				text, err = d.string(j, maxAttribute)
				i.extras = append(i.extras, attribute{key: kept, value: text})
				own++
				return err
			}
			err = j.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	d.usePart(0, "", page)
	value.key = strings.ToLower(name)
	i.values = append(i.values, value)
	i.attributes = append(i.attributes, attribute{"id", i.value}, attribute{"navigation_type", i.kind})
	i.kind = "web-vitals"
	d.take((*reading).takeMeasurement)
	return nil
}
