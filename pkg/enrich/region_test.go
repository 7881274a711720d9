package enrich

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// countries is a free database of countries; its package is for tests and the demo.
const countries = "../../node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"

var (
	proxy    = netip.MustParseAddr("10.1.2.3")
	stranger = netip.MustParseAddr("198.51.100.7")
	networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	everyCDN = []string{"cloudflare", "cloudfront", "fastly", "vercel", "generic"}
)

func located(t testing.TB, config Regions, peer netip.Addr, headers map[string]string, claimed ...string) string {
	t.Helper()
	p := pipeline(t, Config{Regions: config})
	header := http.Header{}
	for name, value := range headers {
		header.Set(name, value)
	}
	c := rum.Context{}
	if len(claimed) == 2 {
		c.Country, c.Region = claimed[0], claimed[1]
	}
	p.Locate(&c, header, peer)
	return c.Country + "-" + c.Region
}

func TestTheHeadersOfEachCDNTellTheRegion(t *testing.T) {
	config := Regions{TrustedProxies: networks, Order: everyCDN}
	for want, headers := range map[string]map[string]string{
		"DE-BE":  {"CF-IPCountry": "de", "CF-Region-Code": "BE"},
		"US-CA":  {"CloudFront-Viewer-Country": "US", "CloudFront-Viewer-Country-Region": "CA"},
		"GB-ENG": {"X-Fastly-Country-Code": "GB", "X-Fastly-Region": "ENG"},
		"FR-IDF": {"X-Vercel-IP-Country": "FR", "X-Vercel-IP-Country-Region": "IDF"},
		"NL-NH":  {"X-Country-Code": "NL", "X-Region-Code": "NL-NH"},
		"NO-":    {"CF-IPCountry": "NO"},
		"AT-9":   {"CF-IPCountry": "XX", "X-Country-Code": "AT", "X-Region-Code": "9"}, // Cloudflare does not know
		"CH-":    {"CF-IPCountry": "T1", "X-Country-Code": "CH", "X-Region-Code": "far too long"},
		"-":      {"CF-IPCountry": "<script>", "CF-Region-Code": "BE"},
	} {
		require.Equal(t, want, located(t, config, proxy, headers), headers)
		require.Equal(t, "-", located(t, config, stranger, headers), "nobody else is believed")
	}
}

func TestTheOrderDecidesWhichHeaderCounts(t *testing.T) {
	headers := map[string]string{"CF-IPCountry": "DE", "X-Country-Code": "FR", "X-Vercel-IP-Country": "US"}
	for want, order := range map[string][]string{
		"DE-": {"cloudflare", "generic"}, "FR-": {"generic", "cloudflare"}, "US-": {"fastly", "vercel"}, "-": {"fastly"},
	} {
		require.Equal(t, want, located(t, Regions{TrustedProxies: networks, Order: order}, proxy, headers))
	}
	own := Regions{TrustedProxies: networks, Order: []string{"generic"}, Country: []string{"x-land"}, Region: []string{"x-teil"}}
	require.Equal(t, "DE-HH", located(t, own, proxy, map[string]string{"X-Land": "DE", "X-Teil": "HH", "X-Country-Code": "FR"}))
}

func TestTheDatabaseIsAskedWhereNoHeaderTells(t *testing.T) {
	config := Regions{TrustedProxies: networks, Order: everyCDN, Database: countries}
	german, japanese := netip.MustParseAddr("141.20.1.1"), "133.11.0.1" // of universities
	require.Equal(t, "DE-", located(t, config, german, nil))
	require.Equal(t, "DE-", located(t, config, netip.MustParseAddr("::ffff:141.20.1.1"), nil))
	require.Equal(t, "DE-", located(t, config, netip.MustParseAddr("2001:638::1"), nil))
	require.Equal(t, "JP-", located(t, config, proxy, map[string]string{"X-Forwarded-For": japanese}))
	require.Equal(t, "DE-", located(t, config, german, map[string]string{"X-Forwarded-For": japanese}), "a claim")
	require.Equal(t, "FR-", located(t, config, proxy, map[string]string{"CF-IPCountry": "FR", "X-Forwarded-For": japanese}))
	require.Equal(t, "-", located(t, config, netip.MustParseAddr("127.0.0.1"), nil))
	require.Equal(t, "-", located(t, config, netip.Addr{}, nil))
}

// What a client says of itself is the last resort, and not mixed with another country's region.
func TestAClientsOwnWordIsTheLastResort(t *testing.T) {
	config := Regions{TrustedProxies: networks, Order: everyCDN}
	require.Equal(t, "DE-BE", located(t, config, stranger, nil, "DE", "BE"))
	require.Equal(t, "FR-", located(t, config, proxy, map[string]string{"CF-IPCountry": "FR"}, "DE", "BE"))
	require.Equal(t, "DE-BE", located(t, config, proxy, map[string]string{"CF-IPCountry": "DE"}, "DE", "BE"))
}

func TestTheClientIsTheLastAddressThatIsNoProxy(t *testing.T) {
	cases := []struct {
		peer, forwarded, want string
	}{
		{"198.51.100.7", "", "198.51.100.7"},
		{"198.51.100.7", "203.0.113.1", "198.51.100.7"},
		{"10.0.0.1", "203.0.113.1", "203.0.113.1"},
		{"10.0.0.1", "203.0.113.1, 10.0.0.2", "203.0.113.1"},
		{"10.0.0.1", "6.6.6.6, 203.0.113.1, 10.0.0.2", "203.0.113.1"}, // the first was written by the client
		{"10.0.0.1", "203.0.113.1:4711", "203.0.113.1"},
		{"10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
		{"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
		{"10.0.0.1", "unknown", "10.0.0.1"},
		{"10.0.0.1", "", "10.0.0.1"},
		{"fd00::1", "2001:db8::7", "2001:db8::7"},
		{"::ffff:10.0.0.1", "203.0.113.1", "203.0.113.1"},
	}
	for _, c := range cases {
		header := http.Header{}
		if c.forwarded != "" {
			header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, ClientAddress(header, netip.MustParseAddr(c.peer), networks).String(), c)
	}
	several := http.Header{"X-Forwarded-For": {"6.6.6.6", "203.0.113.1, 10.0.0.2"}}
	require.Equal(t, "203.0.113.1", ClientAddress(several, proxy, networks).String())
}

func BenchmarkLocate(b *testing.B) {
	p := pipeline(b, Config{Regions: Regions{TrustedProxies: networks, Order: everyCDN, Database: countries}})
	header := http.Header{"X-Forwarded-For": {"133.11.0.1"}}
	b.ReportAllocs()
	for b.Loop() {
		c := rum.Context{}
		p.Locate(&c, header, proxy)
	}
}
