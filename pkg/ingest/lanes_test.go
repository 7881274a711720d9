package ingest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// waiting is a spool that remembers.
type waiting struct{ records []rum.Record }

func (w *waiting) Append(_ context.Context, encoded []byte) error {
	var record rum.Record
	_, err := record.UnmarshalMsg(encoded)
	w.records = append(w.records, record)
	return err
}

func (w *waiting) sessions() (all []string) {
	for _, r := range w.records {
		if r.Beacon != nil {
			all = append(all, r.Beacon.Context.SessionID)
		}
	}
	return all
}

const regions = `
stores:
  eu:   {clickhouse: "clickhouse://eu:9000/x", countries: [DE, FR, unknown]}
  bank: {clickhouse: "clickhouse://bank:9000/x", apps: [bank]}
`

func TestABeaconGoesToItsOwnStoreAndNoOther(t *testing.T) {
	main, eu, bank := &waiting{}, &waiting{}, &waiting{}
	s := start(t, "")
	config, err := ParseConfig([]byte(regions))
	require.NoError(t, err)
	pipeline, err := enrich.New(config.Enrich(nil))
	require.NoError(t, err)
	counters := NewCounters()
	server, err := New(Options{Config: config, Spool: main, Pipeline: pipeline, Counters: counters, UserKey: []byte("k"),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Stores: map[string]Destination{"eu": {Spool: eu}, "bank": {Spool: bank}}})
	require.NoError(t, err)
	s.http = httptest.NewServer(server.Handler())
	defer s.http.Close()

	send := func(session, app, country string) {
		body := `{"meta":{"app":{"name":"` + app + `"},"session":{"id":"` + session + `"},"geo":{"country_iso":"` + country + `"}},"events":[{"name":"x"}]}`
		require.Equal(t, 202, s.do(call{body: body}).status)
	}
	send("us", "shop", "US")
	send("de", "shop", "DE")
	send("fr", "shop", "FR")
	send("nowhere", "shop", "")
	send("bank-de", "bank", "DE")
	send("bank-us", "bank", "US")
	require.Equal(t, []string{"us"}, main.sessions())
	require.Equal(t, []string{"de", "fr", "nowhere"}, eu.sessions())
	require.Equal(t, []string{"bank-de", "bank-us"}, bank.sessions())

	for _, app := range []string{"shop", "bank"} {
		body := `{"app":"` + app + `","release":"1"}`
		require.Equal(t, 202, s.do(call{path: "/v1/deploys", body: body, header: map[string]string{"Origin": ""}}).status)
	}
	require.NoError(t, counters.Flush(t.Context(), main))
	deploys := func(w *waiting) (apps []string) {
		for _, r := range w.records {
			if r.Deploy != nil {
				apps = append(apps, r.Deploy.App)
			}
		}
		return apps
	}
	require.Equal(t, []string{"shop"}, deploys(main))
	require.Equal(t, []string{"shop"}, deploys(eu), "wherever the app's visitors may be")
	require.Equal(t, []string{"bank"}, deploys(bank))
	for w, app := range map[*waiting]string{main: "shop", bank: "bank"} {
		for _, count := range w.records[len(w.records)-1].Counts {
			require.Equal(t, app, count.App)
		}
	}
}

func TestAStoreWithoutASpoolIsAnError(t *testing.T) {
	config, err := ParseConfig([]byte(regions))
	require.NoError(t, err)
	_, err = newLanes(&Options{Config: config})
	require.ErrorContains(t, err, "has no spool")
}
