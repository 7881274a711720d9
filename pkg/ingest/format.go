package ingest

import (
	"mime"
	"net/http"
	"strings"
	"sync"
)

// format is one wire format: where and how it is sent, what reads it, and how it wants to be answered.
type format struct {
	name    string // what it is counted by
	paths   []string
	methods []string
	media   []string // media types of its bodies; "" is none said at all, and "+json" any relative of JSON
	decode  *sync.Pool
	answer  answerStyle
	itemOf  func(*payload) itemOf // how rejected items are kept
}

// formatNamed returns the format of a name, or nil.
func formatNamed(name string) *format {
	for _, f := range formats {
		if f.name == name {
			return f
		}
	}
	return nil
}

// formats are all the wire formats there are. Browsers force text/plain on beacons that are sent without a preflight.
var formats = []*format{
	{
		name: "faro", paths: []string{"/collect", "/collect/{app_key}"}, methods: []string{http.MethodPost},
		media:  []string{"", "application/json", "text/plain", "+json"},
		decode: decoders(func() decoder { return new(faroDecoder) }), answer: answerJSON, itemOf: faroItemOf,
	},
	{
		name: "otlp-logs", paths: []string{"/v1/logs"}, methods: []string{http.MethodPost},
		media:  []string{"application/json", mediaProtobuf},
		decode: decoders(func() decoder { return new(otlpLogsDecoder) }), answer: answerOTLPLogs, itemOf: logsItemOf,
	},
	{
		name: "otlp-traces", paths: []string{"/v1/traces"}, methods: []string{http.MethodPost},
		media:  []string{"application/json", mediaProtobuf},
		decode: decoders(func() decoder { return new(otlpTracesDecoder) }), answer: answerOTLPTraces, itemOf: tracesItemOf,
	},
	{
		name: "web-vitals", paths: []string{"/v1/vitals"}, methods: []string{http.MethodPost},
		media:  []string{"", "application/json", "text/plain", "+json"},
		decode: decoders(func() decoder { return new(vitalsDecoder) }), answer: answerJSON, itemOf: elementOf(metric),
	},
	{
		name: "boomerang", paths: []string{"/v1/boomerang"}, methods: []string{http.MethodGet, http.MethodPost},
		media:  []string{"", "application/x-www-form-urlencoded", "text/plain"},
		decode: decoders(func() decoder { return new(boomerangDecoder) }), answer: answerJSON, itemOf: boomerangItemOf,
	},
	{
		name: "reports", paths: []string{"/v1/reports"}, methods: []string{http.MethodPost},
		media:  []string{"application/reports+json", "application/csp-report", "application/json", "text/plain"},
		decode: decoders(func() decoder { return new(reportsDecoder) }), answer: answerJSON, itemOf: elementOf(report),
	},
}

const mediaProtobuf = "application/x-protobuf"

func decoders(create func() decoder) *sync.Pool {
	return &sync.Pool{New: func() any { return create() }}
}

// reader takes a decoder for one payload; it goes back with release.
func (f *format) reader(limits Limits, told *told) decoder {
	d := f.decode.Get().(decoder)
	r := d.result()
	r.limits, r.told, r.forward = limits, told, false
	return d
}

// release gives a decoder back. Its beacons must not be used afterwards.
func (f *format) release(d decoder) {
	d.result().reset(0, 0)
	f.decode.Put(d)
}

// takes says whether the media type of a body is one of the format's.
func (f *format) takes(mediaType string) bool {
	for _, media := range f.media {
		if mediaType == media || media == "+json" && strings.HasSuffix(mediaType, media) {
			return true
		}
	}
	return false
}

// mediaTypes names what to send, for the answer to a client that sent something else.
func (f *format) mediaTypes() string {
	var named []string
	for _, media := range f.media {
		if media != "" && media != "+json" {
			named = append(named, media)
		}
	}
	return strings.Join(named, " or ")
}

// mediaType of a request's body in lower case and without its parameters, or "invalid".
func mediaType(r *http.Request) string {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return ""
	}
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "invalid"
	}
	return media
}
