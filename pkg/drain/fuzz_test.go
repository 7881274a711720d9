package drain

import (
	"testing"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// FuzzRecord drains whatever is in the spool: a damaged record, or one of another version. It becomes rows, or a dead
// letter with a reason; it never stops the drainer.
func FuzzRecord(f *testing.F) {
	item := rum.Item{TS: 1_795_395_601_000, ViewID: "v", TraceID: "0af7651916cd43dd8448eb211c80319c"}
	for _, seed := range []rum.Record{
		{},
		{Beacon: &rum.Beacon{ReceivedAt: item.TS, Context: rum.Context{App: "shop", PageURL: "https://shop.example/a/1",
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
			Views:    []rum.View{{Item: item, Kind: rum.ViewLoad, Path: "/a/1"}},
			Vitals:   []rum.Vital{{Item: item, Metric: "lcp", MetricID: "m", Value: 1}},
			Requests: []rum.Request{{Item: item, Kind: "fetch", Method: "GET", Host: "h", Path: "/p"}},
			Errors: []rum.Error{{Item: item, Kind: "exception", Type: "E", Message: "m",
				Frames: []rum.Frame{{Function: "f", File: "main.js", Line: 1, Column: 2}}}},
			Actions: []rum.Action{{Item: item, Kind: "click", Target: "button"}},
			Events:  []rum.Event{{Item: item, Kind: rum.EventLog, Message: "m"}}}},
		{Deploy: &rum.Deploy{TS: item.TS, App: "shop", Release: "1"}},
		{Counts: []rum.Count{{Minute: item.TS, App: "shop", Counter: "accepted", Value: 1}}},
	} {
		encoded, err := seed.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	pipeline, err := enrich.New(enrich.Config{})
	if err != nil {
		f.Fatal(err)
	}
	d := New(nil, nil, pipeline.AtDrain, Options{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := d.read(raw)
		if err != nil {
			return
		}
		if r.Beacon == nil && r.Deploy == nil && len(r.Counts) == 0 {
			t.Fatal("nothing was taken for a record")
		}
		r.addTo(store.NewBatch())
	})
}
