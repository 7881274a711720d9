package ingest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

func FuzzFaro(f *testing.F) {
	f.Add([]byte(`{"measurements":[{"type":"web-vitals","values":{"lcp":1e400}}]}`))
	f.Add([]byte(`{"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}}`))
	fuzzFormat(f, "faro", "application/json", captured, "testdata/faro/*.json")
}

func FuzzOTLPLogsJSON(f *testing.F) {
	fuzzFormat(f, "otlp-logs", "application/json", capturedOTLP, "testdata/otlp/logs-*.json")
}

func FuzzOTLPLogsProtobuf(f *testing.F) {
	fuzzFormat(f, "otlp-logs", mediaProtobuf, capturedOTLP, "testdata/otlp/logs-*.pb")
}

func FuzzOTLPTracesJSON(f *testing.F) {
	fuzzFormat(f, "otlp-traces", "application/json", capturedOTLP, "testdata/otlp/traces-*.json")
}

func FuzzOTLPTracesProtobuf(f *testing.F) {
	fuzzFormat(f, "otlp-traces", mediaProtobuf, capturedOTLP, "testdata/otlp/traces-*.pb")
}

func FuzzWebVitals(f *testing.F) {
	fuzzFormat(f, "web-vitals", "text/plain", capturedVitals, "testdata/vitals/*.json")
}

func FuzzBoomerang(f *testing.F) {
	fuzzFormat(f, "boomerang", "application/x-www-form-urlencoded", capturedBoomerang, "testdata/boomerang/*.txt")
}

func FuzzReports(f *testing.F) {
	fuzzFormat(f, "reports", "application/reports+json", capturedOTLP, "testdata/reports/*.json")
}

// fuzzFormat holds a decoder to what must be true of anything at all, starting from what real clients send: it does not
// crash, whatever it takes can be stored, and whatever it does not take has a reason and
// can be set aside.
func fuzzFormat(f *testing.F, name, mediaType string, received int64, captures string) {
	files, err := filepath.Glob(captures)
	if err != nil || len(files) == 0 {
		f.Fatalf("no captures at %s: %v", captures, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	memory := newTold(nil)
	pipeline, err := enrich.New(enrich.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		format, p := formatNamed(name), &payload{body: body, query: query, mediaType: mediaType, received: received}
		d, err := decodeAs(format, p, memory)
		if err != nil {
			return
		}
		checkRejected(t, format, p, d.rejected)
		if len(d.parts) > testLimits.Items || d.accepted+len(d.rejected) < 0 {
			t.Fatalf("%d parts of %d items", len(d.parts), d.total)
		}
		for _, part := range d.parts {
			checkStorable(t, pipeline, &part.beacon)
		}
	})
}

func checkRejected(t *testing.T, format *format, p *payload, rejected []rejection) {
	one := format.itemOf(p)
	for _, r := range rejected {
		if r.Reason == "" {
			t.Fatal("an item is rejected without a reason")
		}
		if kept := one(r); kept != nil && !json.Valid(kept) {
			t.Fatalf("what is kept of %s[%d] is no JSON: %s", r.List, r.Index, kept)
		}
	}
}

func checkStorable(t *testing.T, pipeline *enrich.Pipeline, b *rum.Beacon) {
	for _, v := range b.Vitals {
		if !rum.Valid(v.Value) || v.Metric == "" || v.MetricID == "" {
			t.Fatalf("an unusable vital: %+v", v)
		}
	}
	for _, v := range b.Views {
		if v.Kind == "" || v.Duration < 0 || v.Request < 0 {
			t.Fatalf("an unusable view: %+v", v)
		}
	}
	for _, r := range b.Requests {
		if r.Kind == "" || !(r.Duration >= 0) || !(r.Wait >= 0) || len(r.Path) > maxURL || len(r.Host) > maxName {
			t.Fatalf("an unusable request: %+v", r)
		}
	}
	for _, e := range b.Errors {
		if e.Kind == "" || len(e.Message) > maxMessage || len(e.Frames) > maxFrames || len(e.Attributes) > maxKept {
			t.Fatalf("an unusable error: %+v", e)
		}
	}
	pipeline.AtAccept(b)
	encoded, err := (&rum.Record{Beacon: b}).MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back rum.Record
	if rest, err := back.UnmarshalMsg(encoded); err != nil || len(rest) > 0 || back.Beacon.Len() != b.Len() {
		t.Fatalf("a beacon that does not come back from the spool: %v", err)
	}
}
