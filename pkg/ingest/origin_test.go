package ingest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

const countries = "../../node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"

func TestTheCountryComesFromATrustedProxyOrTheDatabase(t *testing.T) {
	body := `{"meta":{"app":{"name":"shop"},"geo":{"country_iso":"FR"}},"events":[{"name":"x"}]}`
	country := func(config string, header map[string]string) string {
		s := start(t, config)
		require.Equal(t, 202, s.do(call{body: body, header: header}).status)
		records, raw := s.kept()
		require.NotContains(t, string(raw), "133.11.0.1", "the address is nowhere")
		require.NotContains(t, string(raw), "127.0.0.1")
		c := records[0].Beacon.Context
		return c.Country + "-" + c.Region
	}
	const headers = "region:\n  headers: [cloudfront, cloudflare]\n"
	told := map[string]string{"CF-IPCountry": "de", "CF-Region-Code": "DE-BE"}
	require.Equal(t, "DE-BE", country("trusted_proxies: [127.0.0.1]\n"+headers, told))
	require.Equal(t, "FR-", country("trusted_proxies: [10.0.0.0/8]\n"+headers, told), "this machine is no proxy of that config")
	require.Equal(t, "FR-", country("", told))

	forwarded := map[string]string{"X-Forwarded-For": "133.11.0.1"}
	database := "region:\n  database: " + countries + "\n"
	require.Equal(t, "JP-", country("trusted_proxies: [127.0.0.0/8]\n"+database, forwarded))
	require.Equal(t, "FR-", country(database, forwarded), "anyone can send that header")
}

func TestWithoutTheConsentAnAppRequiresEachItemIsRefused(t *testing.T) {
	s := start(t, "apps:\n  shop:\n    consent: required\n")
	payload := func(consent string) string {
		return `{"meta":{"app":{"name":"shop"},"session":{"id":"s1","attributes":{` + consent + `}}},
			"events":[{"name":"x"},{"name":"y"}],"logs":[{"message":"z"}],"measurements":[{"type":"web-vitals","values":{"lcp":-1}}],
			"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}}`
	}
	for _, consent := range []string{``, `"consent":"denied"`, `"consent":"required"`, `"consent":true`} {
		a := s.do(call{body: payload(consent)})
		require.Equal(t, 400, a.status)
		reason := func(list string, index int) string {
			return fmt.Sprintf(`{"list":"%s","index":%d,"reason":"%s"}`, list, index, enrich.NoConsent)
		}
		for _, want := range []string{`"accepted":0`, reason("events", 0), reason("events", 1), reason("logs", 0),
			`{"list":"measurements","index":0,"reason":"a value is not a number`, reason("traces", 0)} {
			require.Contains(t, a.body, want, consent)
		}
	}
	require.Zero(t, s.spool.Depth(), "nothing of them is on disk")
	kept, err := s.rejected.List()
	require.NoError(t, err)
	require.Empty(t, kept, "not even for people to look at")
	require.Equal(t, 202, s.do(call{body: payload(`"consent":"granted"`)}).status)
	require.Equal(t, 202, s.do(call{body: `{"meta":{"app":{"name":"blog"}},"events":[{"name":"x"}]}`}).status, "another app does not require it")

	require.NoError(t, s.counters.Flush(context.Background(), s.spool))
	records, _ := s.kept()
	refused := int64(0)
	for _, c := range records[len(records)-1].Counts {
		if c.Counter == "rejected" && c.Reason == enrich.NoConsent {
			refused += c.Value
		}
	}
	require.EqualValues(t, 4*4, refused)
}

func TestAClientThatSaysWhenItSentIsCorrected(t *testing.T) {
	s := start(t, "")
	behind := time.Now().Add(-30 * 24 * time.Hour)
	body := fmt.Sprintf(`{"meta":{"app":{"name":"shop"}},"events":[{"name":"x","timestamp":"%s"}]}`, behind.UTC().Format(time.RFC3339))
	require.Equal(t, 400, s.do(call{body: body}).status, "a month old is too old")
	sent := fmt.Sprint(behind.Add(2 * time.Second).UnixMilli())
	require.Equal(t, 202, s.do(call{body: body, header: map[string]string{"X-Sightline-Sent-At": sent}}).status)
	require.Equal(t, 202, s.do(call{body: body, path: "/collect?sent_at=" + sent}).status)
	require.Equal(t, 400, s.do(call{body: body, path: "/collect?sent_at=yesterday"}).status)
	require.Equal(t, 400, s.do(call{body: body, path: "/collect?sent_at=1"}).status)
	records, _ := s.kept()
	require.Len(t, records, 2)
	for _, r := range records {
		require.InDelta(t, time.Now().UnixMilli(), r.Beacon.Events[0].TS, 90_000)
	}
}
