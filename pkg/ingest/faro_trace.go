package ingest

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// clientSpan is the kind of a span that waits for a server (OTLP: SPAN_KIND_CLIENT).
const clientSpan = "3"

// decodeTraces reads the OTLP spans of a payload. Client spans with a URL are requests; all others say what the page
// did itself and become no row.
func (d *faroDecoder) decodeTraces(j *jx.Decoder) error {
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
func (d *faroDecoder) objects(j *jx.Decoder, field func(key []byte) error) error {
	if j.Next() != jx.Array {
		return j.Skip()
	}
	return j.Arr(func(j *jx.Decoder) error { return d.fields(j, field) })
}

// decodeScopes reads the spans of each instrumentation. The scope's name tells fetch from XHR, and nothing says that
// it comes before its spans: what it decides is set afterwards.
func (d *faroDecoder) decodeScopes(j *jx.Decoder, index *int) error {
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
					d.list, d.index = "traces", *index
					*index++
					return d.decodeSpan(j)
				})
			}
			return j.Skip()
		})
		if strings.Contains(scope, "xml-http-request") {
			for n := first; n < len(d.beacon.Requests); n++ {
				d.beacon.Requests[n].Kind = "xhr"
			}
		}
		return err
	})
}

func (d *faroDecoder) decodeSpan(j *jx.Decoder) error {
	if d.total++; d.total > d.limits.Items {
		d.reject("too many items in one beacon")
		return j.Skip()
	}
	if j.Next() != jx.Object {
		d.reject("not an object")
		return j.Skip()
	}
	i := &d.item
	i.reset()
	var kind string
	var start, end, flags float64
	err := d.fields(j, func(key []byte) (err error) {
		switch string(key) {
		case "traceId":
			i.traceID, err = d.string(j, maxID)
		case "spanId":
			i.spanID, err = d.string(j, maxID)
		case "name":
			i.name, err = d.string(j, maxName)
		case "kind":
			kind, err = d.string(j, maxName)
		case "startTimeUnixNano":
			start, err = d.nanos(j)
		case "endTimeUnixNano":
			end, err = d.nanos(j)
		case "flags":
			flags, err = d.nanos(j)
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
	if reason := d.takeClientSpan(i, kind, start, end, flags); reason != "" {
		d.reject(reason)
		return nil
	}
	d.accepted++
	return nil
}

func (d *faroDecoder) takeClientSpan(i *faroItem, kind string, start, end, flags float64) string {
	url := i.either("url.full", "http.url")
	if kind != clientSpan && kind != "SPAN_KIND_CLIENT" || url == "" {
		return d.skip("span of no request")
	}
	if !(start > 0) || !(end >= start) {
		return "a span without start and end"
	}
	i.ts = int64(start / 1e6)
	if reason := enrich.Plausible(d.beacon.ReceivedAt, i.ts); reason != "" {
		return reason
	}
	i.actionParent = i.attribute("faro.action.user.parentId")
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: "fetch", Host: cut(host, maxName), Path: cut(path, maxURL)}
	r.Method = method(i.either("http.request.method", "http.method"))
	_, reported := i.find("http.response.status_code", "http.status_code")
	r.Status = status(max(i.number("http.response.status_code"), i.number("http.status_code")))
	r.Failure = failure(r.Status, !reported, i.attribute("error.type"))
	r.Duration = float32((end - start) / 1e6)
	// The low byte of the flags is W3C's; the others say that it was set at all.
	r.Unsampled = r.Unsampled || flags > 0 && uint32(flags)&1 == 0
	r.Server = i.serverTime()
	return d.addRequest(i, r, originSpan)
}

// nanos reads a number that OTLP's JSON writes as text because JavaScript cannot hold it.
func (d *faroDecoder) nanos(j *jx.Decoder) (float64, error) {
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
func (d *faroDecoder) decodeSpanAttributes(j *jx.Decoder, i *faroItem) error {
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
func (d *faroDecoder) firstOfArray(j *jx.Decoder) (first string, err error) {
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
