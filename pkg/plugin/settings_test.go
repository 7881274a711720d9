package plugin

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query"
	"github.com/sightline-rum/sightline/pkg/store"
)

func parse(t *testing.T, jsonData string, secrets map[string]string) (Settings, error) {
	t.Helper()
	return ParseSettings(backend.DataSourceInstanceSettings{JSONData: []byte(jsonData), DecryptedSecureJSONData: secrets})
}

func TestSettingsFillInDefaults(t *testing.T) {
	s, err := parse(t, `{"address": " clickhouse.internal "}`, nil)
	require.NoError(t, err)
	require.Equal(t, Settings{
		Address: "clickhouse.internal:8123", Protocol: "http", Database: "sightline", SessionRole: "Editor",
	}, s)
}

func TestTheDefaultPortFollowsTheProtocol(t *testing.T) {
	for jsonData, want := range map[string]string{
		`{"address":"ch"}`:                                   "ch:8123",
		`{"address":"ch","secure":true}`:                     "ch:8443",
		`{"address":"ch","protocol":"native"}`:               "ch:9000",
		`{"address":"ch","protocol":"native","secure":true}`: "ch:9440",
		`{"address":"ch:1234","protocol":"native"}`:          "ch:1234",
		`{"address":"[::1]"}`:                                "[::1]:8123",
		`{"address":"ch-1, ch-2:8124"}`:                      "ch-1:8123,ch-2:8124",
		`{"address":"[::1]:9999"}`:                           "[::1]:9999",
	} {
		s, err := parse(t, jsonData, nil)
		require.NoError(t, err, jsonData)
		require.Equal(t, want, s.Address, jsonData)
	}
}

func TestEverySettingReachesWhatItIsFor(t *testing.T) {
	s, err := parse(t, `{
		"address": "ch:9440", "protocol": "native", "secure": true, "tlsSkipVerify": true, "tlsServerName": "ch.example",
		"username": "reader", "database": "rum",
		"defaultApp": "shop", "defaultEnvironment": "staging", "apps": ["shop", " ", "blog "],
		"sessionRole": "Admin", "idsInAlerts": true, "minViews": 20,
		"minSamples": 100, "maxRows": 500, "maxExecutionSeconds": 12, "maxMemoryMB": 512, "maxRowsRead": 9000000000,
		"tempoUid": "tempo", "lokiUid": "loki", "lokiQuery": "{app=\"shop\"}",
		"prometheusUid": "prom", "prometheusQuery": "up"
	}`, map[string]string{"password": "secret"})
	require.NoError(t, err)
	require.Equal(t, store.Config{
		Address: "ch:9440", Protocol: "native", Secure: true, Database: "rum", User: "reader", Password: "secret",
		TLS: store.TLS{InsecureSkipVerify: true, ServerName: "ch.example"},
	}, s.Store())
	require.Equal(t, query.Settings{
		DefaultApp: "shop", DefaultEnvironment: "staging", Apps: []string{"shop", "blog"},
		MinViews: 20, MinSamples: 100, SessionRole: "Admin",
		Limits: query.Limits{
			MaxRows: 500, MaxExecutionTime: 12 * time.Second, MaxMemoryBytes: 512 << 20, MaxRowsRead: 9_000_000_000,
		},
		Links: query.Links{TempoUID: "tempo", LokiUID: "loki", LokiQuery: `{app="shop"}`,
			PrometheusUID: "prom", PrometheusQuery: "up"},
		Store: query.Store{Address: "ch:9440", Database: "rum"},
	}, s.Query())
	require.True(t, s.IDsInAlerts)
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for jsonData, complaint := range map[string]string{
		``:                             "no address is set",
		`{}`:                           "no address is set",
		`{"address":"  "}`:             "no address is set",
		`{"address":"http://ch:8123"}`: "must be host:port without a scheme",
		`{"address":"clickhouse://u:p@ch:9000/db"}`:        "must be host:port without a scheme",
		`{"address":":8123"}`:                              "must be host:port",
		`{"address":"ch-1,,ch-2"}`:                         "must be host:port",
		`{"address":"ch:http"}`:                            "port between 1 and 65535",
		`{"address":"ch:0"}`:                               "port between 1 and 65535",
		`{"address":"ch:70000"}`:                           "port between 1 and 65535",
		`{"address":"user@ch:8123"}`:                       "must be host:port",
		`{"address":"ch/path:8123"}`:                       "must be host:port",
		`{"address":"::1"}`:                                "must be host:port",
		`{"address":"ch","protocol":"grpc"}`:               `protocol "grpc" is unknown: use http or native`,
		`{"address":"ch","sessionRole":"owner"}`:           `sessionRole "owner" is unknown: use Viewer, Editor or Admin`,
		`{"address":"ch","sessionRole":"None"}`:            `sessionRole "None" is unknown`,
		`{"address":"ch","tempoUrl":"tempo:3200"}`:         "tempoUrl must be an address such as http://tempo:3200",
		`{"address":"ch","tempoUrl":"http://me:x@tempo"}`:  "without a login",
		`{"address":"ch","tempoUrl":"file:///etc/passwd"}`: "tempoUrl must be an address",
		`{"address":"ch","tempoUrl":"http://tempo/?id=x"}`: "tempoUrl must be an address",
		`{"address":"ch","tempoRetentionDays":-1}`:         "tempoRetentionDays must not be negative",
		`{"address":"ch","minSamples":-1}`:                 "minSamples must not be negative",
		`{"address":"ch","maxRowsRead":-5}`:                "maxRowsRead must not be negative",
		`{"address":"ch","minSamples":"many"}`:             "setting minSamples must be a whole number, not string",
		`{"address":"ch","minSamples":1.5}`:                "setting minSamples must be a whole number",
		`{"address":"ch","secure":"yes"}`:                  "setting secure must be true or false, not string",
		`{"address":"ch","apps":"shop"}`:                   "setting apps must be a list, not string",
		`{"address":8123}`:                                 "setting address must be text, not number",
		`{"address":`:                                      "the settings cannot be read",
	} {
		_, err := parse(t, jsonData, nil)
		require.ErrorContains(t, err, complaint, jsonData)
	}
}

func TestBadCertificatesAreToldBeforeTheyAreUsed(t *testing.T) {
	secure := `{"address":"ch","secure":true}`
	for complaint, secrets := range map[string]map[string]string{
		"the CA certificate is not PEM":        {"tlsCACert": "MIIB…"},
		"belong together: set both or neither": {"tlsClientCert": "-----BEGIN CERTIFICATE-----"},
		"and its key cannot be used":           {"tlsClientCert": "x", "tlsClientKey": "y"},
	} {
		_, err := parse(t, secure, secrets)
		require.ErrorContains(t, err, complaint)
	}
	_, err := parse(t, `{"address":"ch"}`, map[string]string{"tlsCACert": "left over from an earlier try"})
	require.NoError(t, err, "without TLS its fields do not matter")
}

// A data source that stores its address in url can be reached through Grafana's data proxy by every Viewer.
func TestTheStandardFieldsAreNeverRead(t *testing.T) {
	_, err := ParseSettings(backend.DataSourceInstanceSettings{
		URL: "http://ch:8123", User: "root", Database: "db", BasicAuthEnabled: true, BasicAuthUser: "root",
		JSONData:                []byte(`{}`),
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "secret"},
	})
	require.ErrorIs(t, err, ErrNoAddress)
}

func TestSettingsSurviveTheWayThroughGrafana(t *testing.T) {
	s := SettingsFor(store.Config{Address: "ch:8443", Protocol: "http", Secure: true, Database: "rum", User: "reader",
		Password: "secret", TLS: store.TLS{InsecureSkipVerify: true, ServerName: "ch"}})
	stored, err := s.Grafana()
	require.NoError(t, err)
	require.NotContains(t, string(stored.JSONData), "secret")
	require.True(t, json.Valid(stored.JSONData))
	require.Empty(t, stored.URL)

	read, err := ParseSettings(stored)
	require.NoError(t, err)
	require.Equal(t, s.Store(), read.Store())
}
