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
		Connection: truth.Connection, Traffic: truth.Traffic,
		Weight: uint32(rum.FullWeight / truth.SampleRate), SDK: "faro",
	}}
	item := func(ms int64) rum.Item {
		return rum.Item{TS: ms, ViewID: truth.ViewID, Route: truth.Route, Navigation: "navigate"}
	}
	for _, v := range truth.Views {
		b.Views = append(b.Views, rum.View{Item: item(v.At), Kind: rum.ViewLoad, Path: truth.Route,
			Duration: float32(v.Duration)})
	}
	for _, v := range truth.Vitals {
		b.Vitals = append(b.Vitals, rum.Vital{Item: item(v.CreatedAt), Metric: v.Metric, MetricID: v.MetricID,
			Value:      v.Value,
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
		batch.AddDeploy(rum.Deploy{TS: d.At.UnixMilli(), App: d.App, Environment: d.Environment,
			Release: d.Release, Title: d.Title})
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

func TestImpactNamesTheBrowserAndTheReleaseOfTheDemo(t *testing.T) {
	o, plan := newDemo(t, 5000)
	incident, w := plan.Incident(), window{plan.Anchor().Add(-24 * time.Hour), plan.Anchor()}
	named := func(query string) []map[string]any {
		return rowsWith(o.rows(query, w), "kind", "real")
	}
	browser := "browser=" + strings.TrimPrefix(incident.Browser, "Mobile ")

	rows := named(`{"queryType":"impact","compare":"deploy","filters":[{"key":"route","value":"/checkout"}]}`)
	require.Len(t, rows, 1)
	require.Contains(t, rows[0]["segment"], browser)
	require.Contains(t, rows[0]["segment"], "release="+incident.Release)
	require.InDelta(t, 1, rows[0]["share"], 0.25, "as good as all of the change at the checkout")
	require.Greater(t, rows[0]["value"], 2*rows[0]["before"].(float64))

	rows = named(`{"queryType":"impact","compare":"deploy","measure":"poor"}`)
	require.Len(t, rows, 1)
	require.Contains(t, rows[0]["segment"], "route="+incident.Route)
	require.Contains(t, rows[0]["segment"], "release="+incident.Release)
	require.Contains(t, rows[0]["segment"].(string)+rows[0]["alike"].(string), browser)

	require.Empty(t, named(`{"queryType":"impact","compare":"deploy","metric":"ttfb"}`), "the servers are well")

	for when, query := range map[string]string{
		"the whole shop": `{"queryType":"releases","metric":"verdict"}`,
		"the checkout": `{"queryType":"releases","metric":"verdict","compare":"deploy",
			"filters":[{"key":"route","value":"/checkout"}]}`,
	} {
		row := o.rows(query, w)[0]
		require.Equal(t, "worse", row["verdict"], when)
		require.Equal(t, incident.Release, row["release"], when)
		require.Equal(t, incident.Before, row["releaseBefore"], when)
		require.Contains(t, row["reason"], "is worse", when)
	}
	groups := o.rows(`{"queryType":"releases","metric":"errorGroups"}`, w)
	require.Equal(t, "new", groups[0]["kind"])
	require.Equal(t, incident.ErrorMessage, groups[0]["message"])
	require.Equal(t, incident.Release, groups[0]["firstRelease"])
}

// only are the rows that have a value in a field.
func rowsWith(rows []map[string]any, field string, value any) (some []map[string]any) {
	for _, row := range rows {
		if row[field] == value {
			some = append(some, row)
		}
	}
	return some
}
