package plugin

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/query"
	"github.com/sightline-rum/sightline/pkg/store"
)

// Settings of a data source. They live in jsonData and, what is secret, in secureJsonData. The standard url, user and
// basicAuth are never read: a data source that has a url can be reached through Grafana's data proxy, which would let
// every Viewer send SQL with our password attached.
type Settings struct {
	Address       string `json:"address"`  // host or host:port; several, of one cluster, are separated by commas
	Protocol      string `json:"protocol"` // http or native
	Secure        bool   `json:"secure"`
	TLSSkipVerify bool   `json:"tlsSkipVerify"`
	TLSServerName string `json:"tlsServerName"`
	Username      string `json:"username"`
	Database      string `json:"database"`

	DefaultApp         string   `json:"defaultApp"`
	DefaultEnvironment string   `json:"defaultEnvironment"`
	Apps               []string `json:"apps"` // the only apps this data source answers for; empty means any

	SessionRole string `json:"sessionRole"` // the lowest role that sees single sessions: Viewer, Editor or Admin
	IDsInAlerts bool   `json:"idsInAlerts"` // alert rules may see sessions, and carry their ids into messages

	MinViews int `json:"minViews"` // page views of the smallest segment that lower roles see; 0 is any

	// Zero means the default of package query.
	MinSamples          int   `json:"minSamples"`
	MaxRows             int   `json:"maxRows"`
	MaxExecutionSeconds int   `json:"maxExecutionSeconds"`
	MaxMemoryMB         int64 `json:"maxMemoryMB"`
	MaxRowsRead         int64 `json:"maxRowsRead"`

	// Where the ids in an answer lead: query.Links.
	TempoUID  string `json:"tempoUid"`
	LokiUID   string `json:"lokiUid"`
	LokiQuery string `json:"lokiQuery"`

	LokiRequestQuery string `json:"lokiRequestQuery"`

	// Where the plugin itself can ask Tempo whether it has a trace, and how long Tempo keeps them: query.Tempo.
	TempoURL           string `json:"tempoUrl"`
	TempoRetentionDays int    `json:"tempoRetentionDays"`

	PrometheusUID   string `json:"prometheusUid"`
	PrometheusQuery string `json:"prometheusQuery"`

	Password      string `json:"-"`
	TLSCACert     string `json:"-"`
	TLSClientCert string `json:"-"`
	TLSClientKey  string `json:"-"`
}

// ErrNoAddress is what a data source that was only just added answers.
var ErrNoAddress = errors.New("no address is set: enter the host and port of ClickHouse, " +
	"or 127.0.0.1:8123 for the engine that `sightline serve` runs")

// ParseSettings reads and checks what Grafana stores for a data source, and fills in defaults. An error is one
// sentence for the person at the config page; it never holds a secret.
func ParseSettings(from backend.DataSourceInstanceSettings) (Settings, error) {
	s := Settings{
		Password:      from.DecryptedSecureJSONData["password"],
		TLSCACert:     from.DecryptedSecureJSONData["tlsCACert"],
		TLSClientCert: from.DecryptedSecureJSONData["tlsClientCert"],
		TLSClientKey:  from.DecryptedSecureJSONData["tlsClientKey"],
	}
	if len(from.JSONData) > 0 {
		if err := json.Unmarshal(from.JSONData, &s); err != nil {
			return s, unreadable(err)
		}
	}
	s.fillDefaults()
	return s, s.check()
}

func (s *Settings) fillDefaults() {
	s.Address, s.TempoURL = strings.TrimSpace(s.Address), strings.TrimSpace(s.TempoURL)
	if s.Protocol == "" {
		s.Protocol = "http"
	}
	if s.Database = strings.TrimSpace(s.Database); s.Database == "" {
		s.Database = "sightline"
	}
	if s.SessionRole == "" {
		s.SessionRole = roleEditor
	}
	// The field in the config editor gives an empty entry when it is cleared; it must not read as "the app named ''".
	apps := s.Apps[:0]
	for _, app := range s.Apps {
		if app = strings.TrimSpace(app); app != "" {
			apps = append(apps, app)
		}
	}
	s.Apps = apps
	if s.Address != "" && !strings.Contains(s.Address, "://") {
		addresses := strings.Split(s.Address, ",")
		for i, address := range addresses {
			addresses[i] = withPort(strings.TrimSpace(address), s.defaultPort())
		}
		s.Address = strings.Join(addresses, ",")
	}
}

func (s *Settings) check() error {
	switch {
	case s.Address == "":
		return ErrNoAddress
	case strings.Contains(s.Address, "://"):
		return fmt.Errorf("address %q must be host:port without a scheme: choose protocol and TLS in their own fields", s.Address)
	case s.Protocol != "http" && s.Protocol != "native":
		return fmt.Errorf("protocol %q is unknown: use http or native", s.Protocol)
	case s.SessionRole != roleViewer && s.SessionRole != roleEditor && s.SessionRole != roleAdmin:
		return fmt.Errorf("sessionRole %q is unknown: use Viewer, Editor or Admin", s.SessionRole)
	}
	if err := CheckTempoURL(s.TempoURL); err != nil {
		return err
	}
	for address := range strings.SplitSeq(s.Address, ",") {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || strings.ContainsAny(host, "/@? ") {
			return fmt.Errorf("address %q must be host:port, as in 127.0.0.1:8123", address)
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("address %q must end in a port between 1 and 65535", address)
		}
	}
	for _, limit := range []struct {
		key   string
		value int64
	}{
		{"minViews", int64(s.MinViews)},
		{"minSamples", int64(s.MinSamples)},
		{"maxRows", int64(s.MaxRows)},
		{"maxExecutionSeconds", int64(s.MaxExecutionSeconds)},
		{"maxMemoryMB", s.MaxMemoryMB},
		{"maxRowsRead", s.MaxRowsRead},
		{"tempoRetentionDays", int64(s.TempoRetentionDays)},
	} {
		if limit.value < 0 {
			return fmt.Errorf("%s must not be negative: leave it empty for the default", limit.key)
		}
	}
	return s.checkTLS()
}

// CheckTempoURL wants an address alone: a login would be shown to everybody who may see the settings.
func CheckTempoURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return errors.New("tempoUrl must be an address such as http://tempo:3200, without a login or a query")
	}
	return nil
}

// checkTLS reads the certificates once, so that a bad paste is told on the config page and not as a failed handshake.
func (s *Settings) checkTLS() error {
	if !s.Secure {
		return nil
	}
	if s.TLSCACert != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.TLSCACert)) {
		return errors.New("the CA certificate is not PEM: paste it with its BEGIN CERTIFICATE and END CERTIFICATE lines")
	}
	switch {
	case s.TLSClientCert == "" && s.TLSClientKey == "":
		return nil
	case s.TLSClientCert == "" || s.TLSClientKey == "":
		return errors.New("client certificate and client key belong together: set both or neither")
	}
	if _, err := tls.X509KeyPair([]byte(s.TLSClientCert), []byte(s.TLSClientKey)); err != nil {
		return fmt.Errorf("the client certificate and its key cannot be used: %w", err)
	}
	return nil
}

// Store is how to reach ClickHouse.
func (s *Settings) Store() store.Config {
	return store.Config{
		Address:  s.Address,
		Protocol: s.Protocol,
		Secure:   s.Secure,
		TLS: store.TLS{
			InsecureSkipVerify: s.TLSSkipVerify,
			ServerName:         s.TLSServerName,
			CACert:             s.TLSCACert,
			ClientCert:         s.TLSClientCert,
			ClientKey:          s.TLSClientKey,
		},
		Database: s.Database,
		User:     s.Username,
		Password: s.Password,
	}
}

// Query is what a query may leave out, what it may see, and what it may cost.
func (s *Settings) Query() query.Settings {
	return query.Settings{
		DefaultApp:         s.DefaultApp,
		DefaultEnvironment: s.DefaultEnvironment,
		Apps:               s.Apps,
		MinViews:           s.MinViews,
		MinSamples:         s.MinSamples,
		SessionRole:        s.SessionRole,
		Limits: query.Limits{
			MaxRows:          s.MaxRows,
			MaxExecutionTime: time.Duration(s.MaxExecutionSeconds) * time.Second,
			MaxMemoryBytes:   s.MaxMemoryMB << 20,
			MaxRowsRead:      s.MaxRowsRead,
		},
		Links: query.Links{
			TempoUID: s.TempoUID, LokiUID: s.LokiUID, LokiQuery: s.LokiQuery,
			LokiRequestQuery: s.LokiRequestQuery,
			PrometheusUID:    s.PrometheusUID, PrometheusQuery: s.PrometheusQuery,
		},
		Tempo: query.Tempo{URL: s.TempoURL, Days: s.TempoRetentionDays},
		Store: query.Store{Address: strings.SplitN(s.Address, ",", 2)[0], Database: s.Database},
	}
}

// defaultPort is the one ClickHouse listens on for the protocol.
func (s *Settings) defaultPort() string {
	switch {
	case s.Protocol == "native" && s.Secure:
		return "9440"
	case s.Protocol == "native":
		return "9000"
	case s.Secure:
		return "8443"
	default:
		return "8123"
	}
}

// withPort adds the default port to a bare host name, IPv4 or bracketed IPv6 address.
func withPort(address, port string) string {
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		return address + ":" + port
	}
	if !strings.Contains(address, ":") {
		return net.JoinHostPort(address, port)
	}
	return address
}

// unreadable turns a decoding error into a sentence that names the setting.
func unreadable(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		want := map[string]string{"bool": "true or false", "string": "text", "slice": "a list"}[wrongType.Type.Kind().String()]
		if want == "" {
			want = "a whole number"
		}
		return fmt.Errorf("setting %s must be %s, not %s", wrongType.Field, want, wrongType.Value)
	}
	return fmt.Errorf("the settings cannot be read: %w", err)
}

// SettingsFor is a data source with nothing configured but its store.
func SettingsFor(c store.Config) Settings {
	return Settings{
		Address:       c.Address,
		Protocol:      c.Protocol,
		Secure:        c.Secure,
		TLSSkipVerify: c.TLS.InsecureSkipVerify,
		TLSServerName: c.TLS.ServerName,
		TLSCACert:     c.TLS.CACert,
		TLSClientCert: c.TLS.ClientCert,
		TLSClientKey:  c.TLS.ClientKey,
		Username:      c.User,
		Password:      c.Password,
		Database:      c.Database,
	}
}

// Grafana is what Grafana would store for these settings: what is secret apart from the rest.
func (s Settings) Grafana() (backend.DataSourceInstanceSettings, error) {
	open, err := json.Marshal(s)
	if err != nil {
		return backend.DataSourceInstanceSettings{}, fmt.Errorf("encode the data source settings: %w", err)
	}
	return backend.DataSourceInstanceSettings{
		ID: 1, UID: "sightline", Name: "Sightline", Type: ID,
		JSONData: open,
		DecryptedSecureJSONData: map[string]string{
			"password":      s.Password,
			"tlsCACert":     s.TLSCACert,
			"tlsClientCert": s.TLSClientCert,
			"tlsClientKey":  s.TLSClientKey,
		},
	}, nil
}
