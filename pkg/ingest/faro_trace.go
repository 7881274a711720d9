package ingest

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-faster/jx"
)

// decodeTraces reads the OTLP spans of a payload. Client spans with a URL are requests; all others say what the page
// did itself and become no row.
func (d *reading) decodeTraces(j *jx.Decoder) error {
	if d.forward {
		raw, err := j.Raw()
		if err != nil {
			return err
		}
		d.traces = raw
		j = jx.DecodeBytes(raw)
	}
	index := 0
	return d.fields(j, func(key []byte) error {
		if string(key) != "resourceSpans" && string(key) != "resource_spans" {
			return j.Skip()
		}
		return d.objects(j, func(key []byte) error {
			if string(key) != "scopeSpans" && string(key) != "scope_spans" {
				return j.Skip()
			}
			return d.decodeScopes(j, &index)
		})
	})
}

// objects reads the fields of each object of a list.
func (d *reading) objects(j *jx.Decoder, field func(key []byte) error) error {
	if j.Next() != jx.Array {
		return j.Skip()
	}
	return j.Arr(func(j *jx.Decoder) error { return d.fields(j, field) })
}

// decodeScopes reads the spans of each instrumentation. The scope's name tells fetch from XHR, and nothing says that
// it comes before its spans: what it decides is set afterwards.
func (d *reading) decodeScopes(j *jx.Decoder, index *int) error {
	if j.Next() != jx.Array {
		return j.Skip()
	}
	return j.Arr(func(j *jx.Decoder) error {
		first, scope := len(d.beacon.Requests), ""
		err := d.fields(j, func(key []byte) error {
			switch string(key) {
			case "scope":
				return d.fields(j, func(key []byte) (err error) {
					if string(key) != "name" {
						return j.Skip()
					}
					scope, err = d.string(j, maxName)
					return err
				})
			case "spans":
				if j.Next() != jx.Array {
					return j.Skip()
				}
				return j.Arr(func(j *jx.Decoder) error {
					more := d.begin("traces", *index)
					*index++
					if !more {
						return j.Skip()
					}
					return d.decodeSpan(j)
				})
			}
			return j.Skip()
		})
		if strings.Contains(scope, scopeXHR) {
			for n := first; n < len(d.beacon.Requests); n++ {
				if d.beacon.Requests[n].Kind == "fetch" {
					d.beacon.Requests[n].Kind = "xhr"
				}
			}
		}
		return err
	})
}

func (d *reading) decodeSpan(j *jx.Decoder) error {
	if j.Next() != jx.Object {
		d.reject("not an object")
		return j.Skip()
	}
	i := &d.item
	err := d.fields(j, func(key []byte) (err error) {
		switch string(key) {
		case "traceId":
			i.traceID, err = d.string(j, maxID)
		case "spanId":
			i.spanID, err = d.string(j, maxID)
		case "name":
			i.name, err = d.string(j, maxName)
		case "kind":
			i.kind, err = d.string(j, maxName)
		case "startTimeUnixNano":
			i.start, err = d.nanos(j)
		case "endTimeUnixNano":
			i.end, err = d.nanos(j)
		case "flags":
			var flags float64
			flags, err = d.nanos(j)
			i.unsampled = unsampled(uint32(flags))
		case "attributes":
			err = d.decodeSpanAttributes(j, i)
		default:
			err = j.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	i.ts = int64(i.start / 1e6)
	d.take((*reading).takeSpan)
	return nil
}

// nanos reads a number that OTLP's JSON writes as text because JavaScript cannot hold it.
func (d *reading) nanos(j *jx.Decoder) (float64, error) {
	text, err := d.string(j, maxName)
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(value, 0) {
		return 0, nil
	}
	return value, nil
}

// decodeSpanAttributes reads OTLP's list of key and typed value.
func (d *reading) decodeSpanAttributes(j *jx.Decoder, i *item) error {
	if j.Next() != jx.Array {
		return j.Skip()
	}
	return j.Arr(func(j *jx.Decoder) error {
		var a attribute
		err := d.fields(j, func(key []byte) (err error) {
			switch string(key) {
			case "key":
				a.key, err = d.string(j, maxName)
			case "value":
				err = d.fields(j, func(key []byte) (err error) {
					switch string(key) {
					case "stringValue", "intValue", "doubleValue", "boolValue":
						a.value, err = d.string(j, maxMessage)
					case "arrayValue":
						a.value, err = d.firstOfArray(j)
					default:
						err = j.Skip()
					}
					return err
				})
			default:
				err = j.Skip()
			}
			return err
		})
		if err == nil && a.key != "" && len(i.attributes) < maxAttributes {
			i.attributes = append(i.attributes, a)
		}
		return err
	})
}

// firstOfArray reads the first text of OTLP's list of values, which is how a header's values are told.
func (d *reading) firstOfArray(j *jx.Decoder) (first string, err error) {
	err = d.fields(j, func(key []byte) error {
		if string(key) != "values" {
			return j.Skip()
		}
		return d.objects(j, func(key []byte) error {
			if string(key) != "stringValue" || first != "" {
				return j.Skip()
			}
			text, err := d.string(j, maxMessage)
			first = text
			return err
		})
	})
	return first, err
}
