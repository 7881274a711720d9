package enrich

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func TestEveryStepIsCountedAndTimed(t *testing.T) {
	registry := prometheus.NewRegistry()
	p := pipeline(t, Config{Registerer: registry})
	for range 3 {
		b := &rum.Beacon{Context: rum.Context{App: "shop", UserAgent: chrome}, Events: make([]rum.Event, 1)}
		p.AtAccept(b)
		p.AtDrain(b)
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	var order []string
	for _, s := range append(atAccept(), atDrain()...) {
		order = append(order, s.name)
	}
	require.Equal(t, "clock scrub erased agent traffic party route sourcemap fingerprint budget journey", strings.Join(order, " "))
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			values[family.GetName()+" "+m.Label[0].GetValue()] = value
		}
	}
	for _, step := range order {
		require.Equal(t, 3.0, values["sightline_enrich_beacons_total "+step])
		require.Positive(t, values["sightline_enrich_seconds_total "+step])
	}
	require.EqualValues(t, RouteVersion, values["sightline_enrich_rule_version route"])
	require.EqualValues(t, FingerprintVersion, values["sightline_enrich_rule_version fingerprint"])
}

func TestWhatIsErasedIsEmptiedBeforeAnythingElse(t *testing.T) {
	counted := int64(0)
	p := pipeline(t, Config{
		Erased: func(b *rum.Beacon) bool { return b.Context.SessionID == "gone" },
		Count: func(_, _, counter, _ string, n int64) {
			if counter == "erased" {
				counted += n
			}
		},
	})
	beacon := func(session string) *rum.Beacon {
		b := &rum.Beacon{Context: rum.Context{App: "shop", SessionID: session, UserAgent: chrome, PageURL: "https://s.example/" + session},
			Events: make([]rum.Event, 2)}
		p.AtDrain(b)
		return b
	}
	require.Zero(t, beacon("gone").Len())
	require.Equal(t, 2, beacon("here").Len())
	require.EqualValues(t, 2, counted)
	p.EachBudget(func(_, dimension string, names, _ int) {
		if dimension == DimensionRoute {
			require.Equal(t, 1, names, "the erased visit takes up no name")
		}
	})
}
