package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/goccy/go-yaml"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// Config is the sidecar's configuration file. The zero value serves one machine's own use: an open key for any app,
// from this machine only.
type Config struct {
	Environment      string           `yaml:"environment"`
	OpenKey          *bool            `yaml:"open_key"`
	AdminTokenSHA256 string           `yaml:"admin_token_sha256"`
	TrustedProxies   []string         `yaml:"trusted_proxies"`
	RequestIDHeaders []string         `yaml:"request_id_headers"`
	Region           Region           `yaml:"region"`
	SourceMaps       SourceMaps       `yaml:"source_maps"`
	Limits           Limits           `yaml:"limits"`
	Budgets          Budgets          `yaml:"budgets"`
	Apps             map[string]App   `yaml:"apps"`
	Stores           map[string]Store `yaml:"stores"`
	Retention        Retention        `yaml:"retention"`
	ForwardTraces    string           `yaml:"forward_traces"` // an OTLP/HTTP endpoint that spans are passed on to
	Rollups          *bool            `yaml:"rollups"`        // roll hours up? Nil is yes
}

// DefaultEnvironment is given to beacons that name none, when neither their key nor the config names one.
const DefaultEnvironment = "production"

// Region is where country and region of a client are taken from; see enrich.Regions.
type Region struct {
	Headers  []string `yaml:"headers"` // cloudflare, cloudfront, fastly, vercel, generic: the first that says something counts
	Generic  Generic  `yaml:"generic"`
	Database string   `yaml:"database"` // an MMDB file
}

// Generic names the headers that a proxy of one's own sets.
type Generic struct {
	Country []string `yaml:"country"`
	Region  []string `yaml:"region"`
}

// SourceMaps bounds what is kept of source maps. Zero means the default.
type SourceMaps struct {
	DiskBytes   int64 `yaml:"disk_bytes"`
	MemoryBytes int64 `yaml:"memory_bytes"`
}

// Budgets is how many distinct names an app may have of each dimension. Zero means the default.
type Budgets struct {
	Routes          int `yaml:"routes"`
	Releases        int `yaml:"releases"`
	Endpoints       int `yaml:"endpoints"`
	Hosts           int `yaml:"hosts"`
	Targets         int `yaml:"targets"`
	Metrics         int `yaml:"metrics"`
	Fingerprints    int `yaml:"fingerprints"`
	AttributeKeys   int `yaml:"attribute_keys"`
	AttributeValues int `yaml:"attribute_values"` // of each key
}

// Limits bound what one client can cost. Zero means the default.
type Limits struct {
	BodyBytes       int64 `yaml:"body_bytes"`       // of one beacon, unpacked
	Items           int   `yaml:"items"`            // of one beacon
	SpoolBytes      int64 `yaml:"spool_bytes"`      // waiting for the store
	ReserveBytes    int64 `yaml:"reserve_bytes"`    // of the disk, kept free of the spool
	QuarantineBytes int64 `yaml:"quarantine_bytes"` // of rejected items
	QuarantineDays  int   `yaml:"quarantine_days"`  // that rejected items are kept
	Connections     int   `yaml:"connections"`      // open at once, at each address
}

// App is one site.
type App struct {
	Keys       []Key                    `yaml:"keys"`
	FirstParty []string                 `yaml:"first_party"`
	Traced     bool                     `yaml:"traced"`
	TraceHosts []string                 `yaml:"trace_hosts"`
	Routes     []Route                  `yaml:"routes"`
	Budgets    Budgets                  `yaml:"budgets"`
	Journeys   map[string][]JourneyStep `yaml:"journeys"`
	Keep       []string                 `yaml:"keep_parameters"` // of the query of page addresses
	Consent    string                   `yaml:"consent"`         // "required", or "" for not

	RetentionDays int `yaml:"retention_days"` // that its visits are kept, where that is shorter than the tables' own
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

// LoadConfig reads a configuration file alone. Unknown keys are errors that name the key it may have meant.
func LoadConfig(path string) (Config, error) { return ReadConfig(path, nil, nil) }

// ParseConfig reads and checks a configuration.
func ParseConfig(text []byte) (Config, error) {
	config, err := decodeConfig(text)
	if err != nil {
		return Config{}, err
	}
	return config, config.check()
}

func decodeConfig(text []byte) (config Config, err error) {
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&config)
	if err != nil && !errors.Is(err, io.EOF) { // an empty file is an empty config
		return Config{}, explain(err)
	}
	return config, nil
}

// login is the password in an address. The lines around a mistake are quoted, and may have one of a store in them.
var login = regexp.MustCompile(`(://[^\s:/@]*:|[?&]password=)[^\s@&]*`)

// explain adds the nearest key there is to an unknown one.
func explain(err error) error {
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) || unknown.Token == nil {
		return errors.New(login.ReplaceAllString(yaml.FormatError(err, false, true), "$1***"))
	}
	name := unknown.Token.Value
	message := fmt.Sprintf("line %d: unknown key %q", unknown.Token.Position.Line, name)
	nearest, distance := "", 4
	for _, known := range configKeys(reflect.TypeFor[Config](), "", nil) {
		switch d := levenshtein.ComputeDistance(name, known.name); {
		case d == 0:
			message += fmt.Sprintf(" here; it belongs %s", known.within)
		case d < distance:
			nearest, distance = known.name, d
		}
	}
	if nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", nearest)
	}
	return errors.New(message)
}

// configKey is a key that a config can have, and where.
type configKey struct{ name, within string }

// configKeys lists the keys a config can have, at any depth.
func configKeys(t reflect.Type, within string, keys []configKey) []configKey {
	switch t.Kind() {
	case reflect.Struct:
		place := "at the top"
		if within != "" {
			place = "under " + within
		}
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("yaml")
			keys = append(keys, configKey{name, place})
			keys = configKeys(t.Field(i).Type, strings.TrimPrefix(within+"."+name, "."), keys)
		}
	case reflect.Map:
		keys = configKeys(t.Elem(), within+".<name>", keys)
	case reflect.Slice, reflect.Pointer:
		keys = configKeys(t.Elem(), within, keys)
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
		if app.Consent != "" && app.Consent != consentRequired {
			return fmt.Errorf(`apps.%s.consent: it is "required", or left out`, name)
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
	if err := c.checkStores(); err != nil {
		return err
	}
	if err := c.checkRetention(); err != nil {
		return err
	}
	if _, err := c.trustedProxies(); err != nil {
		return err
	}
	if c.ForwardTraces != "" {
		if _, err := tracesEndpoint(c.ForwardTraces); err != nil {
			return fmt.Errorf("forward_traces: %w", err)
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
