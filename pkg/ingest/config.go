package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/goccy/go-yaml"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// Config is the sidecar's configuration file. The zero value serves one machine's own use: an open key for any app,
// from this machine only.
type Config struct {
	Environment      string         `yaml:"environment"`
	OpenKey          *bool          `yaml:"open_key"`
	AdminTokenSHA256 string         `yaml:"admin_token_sha256"`
	TrustedHeaders   TrustedHeaders `yaml:"trusted_headers"`
	RequestIDHeaders []string       `yaml:"request_id_headers"`
	Limits           Limits         `yaml:"limits"`
	Apps             map[string]App `yaml:"apps"`
}

// DefaultEnvironment is given to beacons that name none, when neither their key nor the config names one.
const DefaultEnvironment = "production"

// TrustedHeaders are the request headers that a proxy in front is known to set, and to take from clients that set them
// themselves. The first that is there counts.
type TrustedHeaders struct {
	Country []string `yaml:"country"`
	Region  []string `yaml:"region"`
}

// Limits bound what one client can cost. Zero means the default.
type Limits struct {
	BodyBytes  int64 `yaml:"body_bytes"`  // of one beacon, unpacked
	Items      int   `yaml:"items"`       // of one beacon
	Routes     int   `yaml:"routes"`      // distinct routes of an app
	Endpoints  int   `yaml:"endpoints"`   // distinct endpoints of an app
	SpoolBytes int64 `yaml:"spool_bytes"` // waiting for the store
}

// App is one site.
type App struct {
	Keys       []Key                    `yaml:"keys"`
	FirstParty []string                 `yaml:"first_party"`
	Traced     bool                     `yaml:"traced"`
	TraceHosts []string                 `yaml:"trace_hosts"`
	Routes     []Route                  `yaml:"routes"`
	MaxRoutes  int                      `yaml:"max_routes"`
	Journeys   map[string][]JourneyStep `yaml:"journeys"`
}

// Key lets one site send. It stands in the site's pages for all to see: what it opens is bounded by its origins and
// its rate.
type Key struct {
	Name        string   `yaml:"name"`
	SHA256      string   `yaml:"sha256"`
	Environment string   `yaml:"environment"`
	Origins     []string `yaml:"origins"`
	Rate        float64  `yaml:"rate"`  // beacons a second; 0 means no limit
	Burst       int      `yaml:"burst"` // beacons at once; 0 means ten seconds' worth
}

// Route is a rule that names a route; see enrich.RouteRule.
type Route struct {
	Pattern string `yaml:"pattern"`
	Name    string `yaml:"name"`
}

// JourneyStep is one step of a journey: reached by a view of a route or by an action.
type JourneyStep struct {
	Name   string `yaml:"name"`
	Route  string `yaml:"route"`
	Action string `yaml:"action"`
}

// Default limits: a Faro beacon is at most 50 items and rarely more than 60 kB, the most a browser sends on leaving.
const (
	DefaultBodyBytes = 1 << 20
	DefaultItems     = 1000
)

// LoadConfig reads a configuration file. Unknown keys are errors that name the key it may have meant.
func LoadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	config, err := ParseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("config %s: %w", path, err)
	}
	return config, nil
}

// ParseConfig reads and checks a configuration.
func ParseConfig(text []byte) (Config, error) {
	var config Config
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&config)
	if err != nil && !errors.Is(err, io.EOF) { // an empty file is an empty config
		return Config{}, explain(err)
	}
	return config, config.check()
}

// explain adds the nearest key there is to an unknown one.
func explain(err error) error {
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) || unknown.Token == nil {
		return errors.New(yaml.FormatError(err, false, true))
	}
	name := unknown.Token.Value
	nearest, distance := "", 4
	for _, candidate := range configKeys(reflect.TypeFor[Config](), nil) {
		if d := levenshtein.ComputeDistance(name, candidate); d < distance {
			nearest, distance = candidate, d
		}
	}
	message := fmt.Sprintf("line %d: unknown key %q", unknown.Token.Position.Line, name)
	if nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", nearest)
	}
	return errors.New(message)
}

// configKeys lists the keys a config can have, at any depth.
func configKeys(t reflect.Type, keys []string) []string {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			keys = append(keys, t.Field(i).Tag.Get("yaml"))
			keys = configKeys(t.Field(i).Type, keys)
		}
	case reflect.Slice, reflect.Map, reflect.Pointer:
		keys = configKeys(t.Elem(), keys)
	}
	return keys
}

func (c *Config) check() error {
	if c.AdminTokenSHA256 != "" {
		if _, err := parseHash(c.AdminTokenSHA256); err != nil {
			return fmt.Errorf("admin_token_sha256: %w", err)
		}
	}
	for _, header := range c.RequestIDHeaders {
		if header == "" || strings.ContainsAny(header, " \t:,;") {
			return fmt.Errorf("request_id_headers: %q is not the name of a header such as X-Request-Id", header)
		}
	}
	for name, app := range c.Apps {
		if name == "" || len(name) > maxName {
			return fmt.Errorf("apps: a name of 1 to %d characters is needed, not %q", maxName, name)
		}
		for i, key := range app.Keys {
			if _, err := parseHash(key.SHA256); err != nil {
				return fmt.Errorf("apps.%s.keys[%d].sha256: %w", name, i, err)
			}
			if len(key.Origins) == 0 {
				return fmt.Errorf(`apps.%s.keys[%d].origins: name the sites that may use the key, such as `+
					`https://shop.example, or "*"`, name, i)
			}
			for _, origin := range key.Origins {
				if err := checkOrigin(origin); err != nil {
					return fmt.Errorf("apps.%s.keys[%d].origins: %w", name, i, err)
				}
			}
			if key.Rate < 0 || key.Burst < 0 {
				return fmt.Errorf("apps.%s.keys[%d]: rate and burst cannot be negative", name, i)
			}
		}
	}
	_, err := enrich.New(c.Enrich(nil))
	return err
}

func parseHash(text string) ([sha256.Size]byte, error) {
	var hash [sha256.Size]byte
	bytes, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(bytes) != sha256.Size {
		return hash, fmt.Errorf("it must be 64 hexadecimal digits, as printed by: printf %%s KEY | sha256sum")
	}
	return [sha256.Size]byte(bytes), nil
}

func checkOrigin(origin string) error {
	if origin == "*" {
		return nil
	}
	u, err := url.Parse(strings.Replace(origin, "://*.", "://wildcard.", 1))
	if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || strings.Contains(u.Host, "*") {
		return fmt.Errorf(`%q is not an origin such as https://shop.example, https://*.shop.example or "*"`, origin)
	}
	return nil
}

// limits returns the limits with the defaults filled in.
func (c *Config) limits() Limits {
	l := c.Limits
	if l.BodyBytes <= 0 {
		l.BodyBytes = DefaultBodyBytes
	}
	if l.Items <= 0 {
		l.Items = DefaultItems
	}
	return l
}

// defaultRequestIDHeader is what most servers and proxies call it.
const defaultRequestIDHeader = "X-Request-Id"

// requestIDHeaders are the response headers whose values name a request on sites without tracing, the first that counts
// first. They are read where a client captured them.
func (c *Config) requestIDHeaders() []string {
	if len(c.RequestIDHeaders) > 0 {
		return c.RequestIDHeaders
	}
	return []string{defaultRequestIDHeader}
}

func (c *Config) environment() string {
	if c.Environment != "" {
		return c.Environment
	}
	return DefaultEnvironment
}

// Enrich returns the part of the config that the enriching steps need.
func (c *Config) Enrich(count func(app, environment, counter, reason string, n int64)) enrich.Config {
	apps := map[string]enrich.App{}
	for name, app := range c.Apps {
		one := enrich.App{FirstParty: app.FirstParty, RouteBudget: app.MaxRoutes}
		for _, route := range app.Routes {
			one.Routes = append(one.Routes, enrich.RouteRule{Pattern: route.Pattern, Name: route.Name})
		}
		for _, journey := range sortedKeys(app.Journeys) {
			j := enrich.Journey{Name: journey}
			for _, step := range app.Journeys[journey] {
				j.Steps = append(j.Steps, enrich.JourneyStep{Name: step.Name, Route: step.Route, Action: step.Action})
			}
			one.Journeys = append(one.Journeys, j)
		}
		apps[name] = one
	}
	return enrich.Config{Apps: apps, RouteBudget: c.Limits.Routes, EndpointBudget: c.Limits.Endpoints, Count: count}
}
