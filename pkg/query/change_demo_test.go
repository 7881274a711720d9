package query

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// beaconOf is what a simulated beacon says, as the store takes it.
func beaconOf(truth traffic.Truth, at time.Time) *rum.Beacon {
	b := &rum.Beacon{ReceivedAt: at.UnixMilli(), Context: rum.Context{
		App: truth.App, Environment: truth.Environment, Release: truth.Release, SessionID: truth.SessionID,
		Browser: strings.TrimPrefix(truth.Browser, "Mobile "), OS: truth.OS, Device: truth.Device, Country: truth.Country,
		Connection: truth.Connection, Traffic: truth.Traffic, Weight: uint32(rum.FullWeight / truth.SampleRate), SDK: "faro",
	}}
	item := func(ms int64) rum.Item {
		return rum.Item{TS: ms, ViewID: truth.ViewID, Route: truth.Route, Navigation: "navigate"}
	}
	for _, v := range truth.Views {
		b.Views = append(b.Views, rum.View{Item: item(v.At), Kind: rum.ViewLoad, Path: truth.Route, Duration: float32(v.Duration)})
	}
	for _, v := range truth.Vitals {
		b.Vitals = append(b.Vitals, rum.Vital{Item: item(v.CreatedAt), Metric: v.Metric, MetricID: v.MetricID, Value: v.Value,
			ReportedAt: v.ReportedAt, Target: v.Target})
	}
	for _, e := range truth.Errors {
		b.Errors = append(b.Errors, rum.Error{Item: item(e.At), Kind: "exception", Type: e.Type, Message: e.Message,
			Fingerprint: e.Type + " " + e.Message})
	}
	return b
}

// newDemo is a store with a day of the demo's shop, whose release breaks the checkout on iPhones.
func newDemo(t *testing.T, sessions int) (*ownStore, *traffic.Traffic) {
	plan, err := traffic.New(traffic.Config{Seed: 3, Anchor: time.Now(), Backfill: 24 * time.Hour, Sessions: sessions,
		Scenario: "checkout-regression"})
	require.NoError(t, err)
	o := newOwnStore(t)
	batch, items := store.NewBatch(), 0
	for _, d := range plan.Deploys() {
		batch.AddDeploy(rum.Deploy{TS: d.At.UnixMilli(), App: d.App, Environment: d.Environment, Release: d.Release, Title: d.Title})
	}
	send := func() {
		o.inserted++
		require.NoError(t, o.writer.Insert(t.Context(), "demo:"+time.Duration(o.inserted).String(), batch))
		batch, items = store.NewBatch(), 0
	}
	for beacon := range plan.Past() {
		batch.Add(beaconOf(beacon.Truth, beacon.At))
		if items++; items == 20_000 {
			send()
		}
	}
	send()
	return o, plan
}

func TestTheDemosStoryOfChange(t *testing.T) {
	o, plan := newDemo(t, 5000)
	incident, w := plan.Incident(), window{plan.Anchor().Add(-24 * time.Hour), plan.Anchor()}
	for _, j := range []string{
		`{"queryType":"impact","compare":"deploy","filters":[{"key":"route","value":"/checkout"}]}`,
		`{"queryType":"impact","compare":"deploy"}`,
		`{"queryType":"impact","compare":"deploy","measure":"poor"}`,
		`{"queryType":"impact","metric":"inp","compare":"deploy"}`,
		`{"queryType":"impact","metric":"ttfb","compare":"deploy"}`,
		`{"queryType":"releases"}`,
		`{"queryType":"releases","compare":"deploy","filters":[{"key":"route","value":"/checkout"}]}`,
		`{"queryType":"releases","compare":"deploy","metric":"verdict","groupBy":"route"}`,
	} {
		start := time.Now()
		got := o.ask(j, w)
		require.NoError(t, got.Error)
		t.Log(j, time.Since(start))
		for _, f := range got.Frames {
			for _, n := range f.Meta.Notices {
				t.Log(n.Text)
			}
			for _, r := range rowsOf(f) {
				t.Log(r["kind"], r["segment"], r["contribution"], r["share"], r["mix"], r["alike"], r["reason"], r["verdict"], r["message"], r["route"])
			}
		}
	}
	_ = incident
}
