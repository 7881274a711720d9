package ingest

import (
	"fmt"
	"regexp"
	"strings"
)

// Store is a further ClickHouse, for data that must not lie in the main one. A beacon goes to the store that names its
// app, else to the one that names its country, else to the main one, and to no other.
type Store struct {
	ClickHouse   string   `yaml:"clickhouse"`    // DSN, as --clickhouse takes it
	PasswordFile string   `yaml:"password_file"` // read its password from here and not from the DSN
	Cluster      string   `yaml:"cluster"`
	Shards       []string `yaml:"shards"`       // as --shards, one entry a shard
	Unreplicated bool     `yaml:"unreplicated"` // as --unreplicated
	Apps         []string `yaml:"apps"`
	Countries    []string `yaml:"countries"` // ISO 3166-1 alpha-2, or UnknownCountry
}

// UnknownCountry stands for beacons whose country nobody knows.
const UnknownCountry = "unknown"

var storeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// checkStores makes sure that it is clear which store is whose.
func (c *Config) checkStores() error {
	apps, countries := map[string]string{}, map[string]string{}
	for _, name := range sortedKeys(c.Stores) {
		store := c.Stores[name]
		switch {
		case !storeName.MatchString(name):
			return fmt.Errorf("stores: %q names a folder, too: use up to 32 small letters, digits and dashes", name)
		case store.ClickHouse == "":
			return fmt.Errorf("stores.%s.clickhouse: name the server, such as clickhouse://user@eu.internal:9000/sightline",
				name)
		case len(store.Apps) == 0 && len(store.Countries) == 0:
			return fmt.Errorf("stores.%s: name the apps or the countries whose beacons belong there", name)
		}
		for _, app := range store.Apps {
			if other := apps[app]; other != "" {
				return fmt.Errorf("stores.%s.apps: %q belongs to the store %s already", name, app, other)
			}
			apps[app] = name
		}
		for _, country := range store.Countries {
			if country != UnknownCountry && (len(country) != 2 || !isAlpha(country) || strings.ToUpper(country) != country) {
				return fmt.Errorf("stores.%s.countries: %q is not a country such as DE, nor %q", name, country, UnknownCountry)
			}
			if other := countries[country]; other != "" {
				return fmt.Errorf("stores.%s.countries: %s belongs to the store %s already", name, country, other)
			}
			countries[country] = name
		}
	}
	return nil
}
