package enrich

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Regions is where country and region of a beacon are taken from.
type Regions struct {
	// TrustedProxies are the networks whose requests may tell where a client is. From anywhere else a header is no more
	// than a claim.
	TrustedProxies []netip.Prefix

	// Order names whose headers are read, and in which order: cloudflare, cloudfront, fastly, vercel, generic. The first
	// that says something counts.
	Order []string

	// Country and Region are the headers read as generic; X-Country-Code and X-Region-Code when empty.
	Country, Region []string

	// Database is an MMDB file that is asked where no header says anything; "" for none.
	Database string
}

// geoHeaders are the headers in which one kind of proxy tells country and region.
type geoHeaders struct {
	country, region []string
}

// cdnHeaders are what each CDN sets itself. Cloudflare's region takes its "visitor location headers"; Fastly has no
// headers of its own, and these are the ones that its customers' VCL commonly sets.
var cdnHeaders = map[string]geoHeaders{
	"cloudflare": {[]string{"Cf-Ipcountry"}, []string{"Cf-Region-Code"}},
	"cloudfront": {[]string{"Cloudfront-Viewer-Country"}, []string{"Cloudfront-Viewer-Country-Region"}},
	"fastly":     {[]string{"X-Fastly-Country-Code", "Fastly-Geo-Country"}, []string{"X-Fastly-Region", "Fastly-Geo-Region"}},
	"vercel":     {[]string{"X-Vercel-Ip-Country"}, []string{"X-Vercel-Ip-Country-Region"}},
	"generic":    {[]string{"X-Country-Code"}, []string{"X-Region-Code"}},
}

// regions tells where beacons come from.
type regions struct {
	trusted  []netip.Prefix
	headers  []geoHeaders
	database *maxminddb.Reader
}

func newRegions(config Regions) (*regions, error) {
	r := &regions{trusted: config.TrustedProxies}
	for _, name := range config.Order {
		headers, known := cdnHeaders[name]
		if !known {
			return nil, fmt.Errorf("region: no headers of %q are known: use cloudflare, cloudfront, fastly, vercel or generic", name)
		}
		if name == "generic" {
			if len(config.Country) > 0 {
				headers.country = canonical(config.Country)
			}
			if len(config.Region) > 0 {
				headers.region = canonical(config.Region)
			}
		}
		r.headers = append(r.headers, headers)
	}
	if len(r.headers) > 0 && len(r.trusted) == 0 {
		return nil, fmt.Errorf("region: headers are believed from trusted proxies only: name their networks in trusted_proxies")
	}
	if config.Database != "" {
		database, err := maxminddb.Open(config.Database)
		if err != nil {
			return nil, fmt.Errorf("region: database %s: %w", config.Database, err)
		}
		r.database = database
	}
	return r, nil
}

func canonical(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = http.CanonicalHeaderKey(name)
	}
	return all
}

// Locate fills in country and region: from the headers of a trusted proxy, else from the database by the client's
// address, else they stay what the client said of itself. peer is the other end of the connection. Addresses are used
// here and are part of nothing that is kept.
func (p *Pipeline) Locate(c *rum.Context, header http.Header, peer netip.Addr) {
	r := p.regions
	country, region := "", ""
	if r.trusts(peer) {
		country, region = r.told(header)
	}
	if country == "" && r.database != nil {
		country, region = r.find(ClientAddress(header, peer, r.trusted))
	}
	if country == "" {
		return
	}
	if region == "" && country == c.Country {
		return // the client's own word is all there is on the region
	}
	c.Country, c.Region = country, region
}

func (r *regions) trusts(peer netip.Addr) bool { return contains(r.trusted, peer) }

func contains(networks []netip.Prefix, address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// told reads the headers in their order. XX and T1 are how Cloudflare says "unknown" and "Tor".
func (r *regions) told(header http.Header) (country, region string) {
	for _, of := range r.headers {
		for _, name := range of.country {
			found := countryCode(header.Get(name))
			if found == "" {
				continue
			}
			for _, name := range of.region {
				if region = RegionCode(found, header.Get(name)); region != "" {
					break
				}
			}
			return found, region
		}
	}
	return "", ""
}

// find asks the database. MaxMind's own files and those made of other sources differ in where they have the country.
func (r *regions) find(address netip.Addr) (country, region string) {
	if !address.IsValid() {
		return "", ""
	}
	var found struct {
		Country struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		Code         string `maxminddb:"country_code"`
		Subdivisions []struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"subdivisions"`
	}
	if err := r.database.Lookup(address.Unmap()).Decode(&found); err != nil {
		return "", ""
	}
	if country = countryCode(found.Country.Code); country == "" {
		country = countryCode(found.Code)
	}
	if len(found.Subdivisions) > 0 {
		region = RegionCode(country, found.Subdivisions[0].Code)
	}
	return country, region
}

// ClientAddress is where a request came from: the other end of the connection, or where that is a trusted proxy, the
// last address in X-Forwarded-For that is not one. What stands before it was written by the client.
func ClientAddress(header http.Header, peer netip.Addr, trusted []netip.Prefix) netip.Addr {
	if !contains(trusted, peer) {
		return peer
	}
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		address, err := netip.ParseAddr(hop)
		if err != nil {
			withPort, err := netip.ParseAddrPort(hop)
			if err != nil {
				return peer
			}
			address = withPort.Addr()
		}
		if !contains(trusted, address) {
			return address
		}
		peer = address
	}
	return peer
}

// countryCode is an ISO 3166-1 code in capitals, or "" for what is none or says that it is not known.
func countryCode(text string) string {
	code := strings.ToUpper(strings.TrimSpace(text))
	if len(code) != 2 || !alphabetic(code) || code == "XX" || code == "ZZ" {
		return ""
	}
	return code
}

// RegionCode is the subdivision of a country by ISO 3166-2, without the country: "DE-BE" and "BE" are both "BE".
func RegionCode(country, subdivision string) string {
	code := strings.ToUpper(strings.TrimSpace(subdivision))
	code = strings.TrimPrefix(code, country+"-")
	if country == "" || len(code) == 0 || len(code) > 3 {
		return ""
	}
	for i := range len(code) {
		if ch := code[i]; (ch < 'A' || ch > 'Z') && (ch < '0' || ch > '9') {
			return ""
		}
	}
	return code
}
