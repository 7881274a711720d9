package ingest

import (
	"fmt"
	"net/netip"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

// consentRequired is the value of an app's consent key with which nothing is taken of users who did not agree.
const consentRequired = "required"

// Enrich returns the part of the config that the enriching steps need.
func (c *Config) Enrich(count func(app, environment, counter, reason string, n int64)) enrich.Config {
	proxies, _ := c.trustedProxies() // the config was checked
	apps := map[string]enrich.App{}
	for name, app := range c.Apps {
		apps[name] = app.enrich()
	}
	return enrich.Config{
		Apps: apps, Budgets: c.Budgets.byDimension(), Count: count,
		Regions: enrich.Regions{
			TrustedProxies: proxies, Order: c.Region.Headers, Country: c.Region.Generic.Country, Region: c.Region.Generic.Region,
			Database: c.Region.Database,
		},
	}
}

// SourceMapLimits returns how much of source maps is kept.
func (c *Config) SourceMapLimits() sourcemap.Limits {
	return sourcemap.Limits{DiskBytes: c.SourceMaps.DiskBytes, MemoryBytes: c.SourceMaps.MemoryBytes}
}

func (a *App) enrich() enrich.App {
	one := enrich.App{
		FirstParty: a.FirstParty, Budgets: a.Budgets.byDimension(), KeptParameters: a.Keep,
		ConsentRequired: a.Consent == consentRequired,
	}
	for _, route := range a.Routes {
		one.Routes = append(one.Routes, enrich.RouteRule{Pattern: route.Pattern, Name: route.Name})
	}
	for _, journey := range sortedKeys(a.Journeys) {
		j := enrich.Journey{Name: journey}
		for _, step := range a.Journeys[journey] {
			j.Steps = append(j.Steps, enrich.JourneyStep{Name: step.Name, Route: step.Route, Action: step.Action})
		}
		one.Journeys = append(one.Journeys, j)
	}
	return one
}

func (b Budgets) byDimension() map[string]int {
	return map[string]int{
		enrich.DimensionRoute: b.Routes, enrich.DimensionRelease: b.Releases, enrich.DimensionEndpoint: b.Endpoints,
		enrich.DimensionHost: b.Hosts, enrich.DimensionTarget: b.Targets, enrich.DimensionMetric: b.Metrics,
		enrich.DimensionFingerprint: b.Fingerprints, enrich.DimensionAttributeKey: b.AttributeKeys,
		enrich.DimensionAttributeValue: b.AttributeValues,
	}
}

// trustedProxies reads networks such as 10.0.0.0/8, and single addresses.
func (c *Config) trustedProxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, text := range c.TrustedProxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("trusted_proxies[%d]: %q is neither a network such as 10.0.0.0/8 nor an address", i, text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		all = append(all, network.Masked())
	}
	return all, nil
}
