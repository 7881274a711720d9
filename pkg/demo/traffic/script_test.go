package traffic

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/backend"
	"github.com/sightline-rum/sightline/pkg/demo/shop"
)

// collected is a collector that takes everything and keeps it.
type collected struct {
	mu     sync.Mutex
	bodies []payload
	tools  []string
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body payload
	_ = json.NewDecoder(r.Body).Decode(&body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies, c.tools = append(c.bodies, body), append(c.tools, r.Header.Get(SyntheticHeader))
	w.WriteHeader(http.StatusAccepted)
}

// names are the pages and actions that were reported, in their order.
func (c *collected) names() (names []string) {
	for _, body := range c.bodies {
		for _, e := range body.Events {
			switch {
			case e.Name == "faro.performance.navigation":
				names = append(names, body.Meta.Page.URL)
			case e.Action != nil:
				names = append(names, e.Action.Name)
			}
		}
	}
	return names
}

func scriptAgainst(t *testing.T, handler http.Handler) (*Script, *collected) {
	site, collector := httptest.NewServer(handler), &collected{}
	t.Cleanup(site.Close)
	sidecar := httptest.NewServer(collector)
	t.Cleanup(sidecar.Close)
	return &Script{Shop: site.URL, Collect: sidecar.URL, App: "shop", Rest: 2 * time.Millisecond}, collector
}

// theShop is the demo's own, with the services behind its pages.
func theShop(t *testing.T) http.Handler {
	pages, err := shop.New(shop.Config{CollectorURL: "http://collector.example/collect"})
	require.NoError(t, err)
	services, err := backend.Start(t.Context(), backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, services.Stop(context.Background())) })
	return services.Handler(pages)
}

func TestTheScriptChecksOutInTheShop(t *testing.T) {
	script, got := scriptAgainst(t, theShop(t))
	require.NoError(t, script.Run(context.Background()))
	require.Equal(t, []string{script.Shop + "/cart", script.Shop + "/checkout", "pay", "order-placed"}, got.names())
	for i, body := range got.bodies {
		require.Equal(t, scriptName, got.tools[i])
		require.Equal(t, scriptName, body.Meta.Session.Attributes["synthetic"])
		require.Empty(t, body.Exceptions)
		require.Equal(t, got.bodies[0].Meta.Session.ID, body.Meta.Session.ID, "one run is one session")
	}
}

func TestAScriptThatFailsReportsHowFarItCame(t *testing.T) {
	handler := theShop(t)
	script, got := scriptAgainst(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/checkout/pay" {
			http.Error(w, "no database", http.StatusInternalServerError)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	require.ErrorContains(t, script.Run(context.Background()), "POST /api/checkout/pay: the shop answered 500")
	require.Equal(t, []string{script.Shop + "/cart", script.Shop + "/checkout"}, got.names())
	last := got.bodies[len(got.bodies)-1]
	require.Len(t, last.Exceptions, 1)
	require.Equal(t, "ScriptFailed", last.Exceptions[0].Type)
}

func TestPageChecksLeaveTheCheckoutToTheScript(t *testing.T) {
	traffic, err := New(Config{Seed: 3, Anchor: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), Backfill: 24 * time.Hour,
		Sessions: 2000})
	require.NoError(t, err)
	checked := map[string]int{}
	for b := range traffic.Past() {
		if b.Truth.Traffic == kindSynthetic {
			checked[b.Truth.Route]++
		}
	}
	require.NotEmpty(t, checked)
	require.NotContains(t, checked, "/cart")
	require.NotContains(t, checked, "/checkout")
}
