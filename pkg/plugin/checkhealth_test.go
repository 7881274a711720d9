package plugin

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

func health(t *testing.T, source *backend.DataSourceInstanceSettings) (status backend.HealthStatus, message, verbose string) {
	t.Helper()
	result, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: as("Admin", source)})
	require.NoError(t, err)
	var details struct {
		VerboseMessage string `json:"verboseMessage"`
	}
	require.NoError(t, json.Unmarshal(result.JSONDetails, &details))
	require.NotEmpty(t, details.VerboseMessage)
	require.NotContains(t, result.Message+details.VerboseMessage, access.Writer.Password)
	return result.Status, result.Message, details.VerboseMessage
}

func TestHealthSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	_, empty := emptyStore(t)
	_, quiet := migratedStore(t)
	older, olderName := migratedStore(t)
	require.NoError(t, older.Conn().Exec(t.Context(), "TRUNCATE TABLE schema_versions"))
	require.NoError(t, older.Conn().Exec(t.Context(), "INSERT INTO schema_versions VALUES (1, 'first', now64(3))"))
	newer, newerName := migratedStore(t)
	require.NoError(t, newer.Conn().Exec(t.Context(), "INSERT INTO schema_versions VALUES (999, 'later', now64(3))"))

	closed := freeAddress(t)
	silent := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(silent.Close)
	hangsUp := hangUp(t)

	for name, c := range map[string]struct {
		database string
		more     map[string]any
		message  string
	}{
		"a new data source": {quiet, map[string]any{"address": ""},
			"No address is set: enter the host and port of ClickHouse, or 127.0.0.1:8123 for the engine that `sightline serve` runs."},
		"a mistyped setting": {quiet, map[string]any{"protocol": "grpc"},
			`Protocol "grpc" is unknown: use http or native.`},
		"nothing listens": {quiet, map[string]any{"address": closed},
			"Nothing listens on " + closed + ": start ClickHouse or `sightline serve`, or correct the address."},
		"nothing listens, native": {quiet, map[string]any{"address": closed, "protocol": "native"},
			"Nothing listens on " + closed + ": start ClickHouse or `sightline serve`, or correct the address."},
		"an unknown user": {quiet, map[string]any{"username": "nobody"},
			"ClickHouse at " + access.Address + ` refuses user "nobody": check user name and password.`},
		"something else answers": {quiet, map[string]any{"address": silent.Listener.Addr().String()},
			silent.Listener.Addr().String() + " answers, but not as ClickHouse does: check address and port."},
		"the peer hangs up": {quiet, map[string]any{"address": hangsUp, "protocol": "native"},
			hangsUp + " does not speak ClickHouse's native protocol: check the port (HTTP 8123, native 9000), the protocol and TLS."},
		"TLS where there is none": {quiet, map[string]any{"secure": true},
			access.Address + " does not speak TLS: switch TLS off, or use the port that has it."},
		"native to the HTTP port": {quiet, map[string]any{"protocol": "native"},
			access.Address + " did not answer in time: check address, port (HTTP 8123, native 9000), protocol and firewall."},
		"no database": {empty, nil,
			"ClickHouse at " + access.Address + " has no database " + empty + ": run `sightline migrate`, or correct the name."},
		"old tables": {olderName, nil,
			"The tables at " + access.Address + " are older than this plugin needs: run `sightline migrate`."},
		"tables of the future": {newerName, nil,
			"The tables at " + access.Address + " are newer than this plugin: update the plugin in Grafana."},
		"a store's clock that is ahead": {quiet, map[string]any{"address": ahead(t, "630")},
			"is 10 minutes ahead of Grafana's: set both by NTP, or recent data stays out of sight."},
		"a store's clock that is behind": {quiet, map[string]any{"address": ahead(t, "-7500")},
			"is 2 hours behind Grafana's: set both by NTP, or recent data stays out of sight."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, message, verbose := health(t, dataSource(t, c.database, c.more))
			require.Equal(t, backend.HealthStatusError, status, verbose)
			require.Contains(t, message, c.message, verbose)
		})
	}

	t.Run("a wrong password", func(t *testing.T) {
		source := dataSource(t, quiet, nil)
		source.DecryptedSecureJSONData["password"] = "wrong"
		status, message, _ := health(t, source)
		require.Equal(t, backend.HealthStatusError, status)
		require.Equal(t, fmt.Sprintf("ClickHouse at %s refuses user %q: check user name and password.",
			access.Address, access.Writer.User), message)
	})
}

// A provisioned data source logs in as the engine's reader and is looked at before the sidecar has made any table.
func TestHealthFromTheFirstStartOfAnEngine(t *testing.T) {
	own := enginetest.Start(t)
	asReader := func() *backend.DataSourceInstanceSettings {
		source := dataSource(t, own.Database, map[string]any{"address": own.Address, "username": own.Reader.User})
		source.DecryptedSecureJSONData["password"] = own.Reader.Password
		return source
	}
	status, message, verbose := health(t, asReader())
	require.Equal(t, backend.HealthStatusError, status)
	require.Contains(t, message, "has no Sightline tables yet: run `sightline migrate`", verbose)

	writer, err := store.Open(store.FromAccess(own.Address, own.Database, own.Writer.User, own.Writer.Password))
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.Migrate(t.Context()))
	status, message, verbose = health(t, asReader())
	require.Equal(t, backend.HealthStatusOk, status, message)
	require.Equal(t, "Connected, but no beacons yet: add the agent's script tag to a page, or point your RUM SDK at the sidecar.", message)
	require.Contains(t, verbose, fmt.Sprintf("schema version %d", store.LatestVersion()))

	visit(t, writer, "shop", "production", time.Now().Add(-5*time.Second))
	status, message, _ = health(t, asReader())
	require.Equal(t, backend.HealthStatusOk, status)
	require.Regexp(t, `^Connected: the last beacon came \d+ seconds ago\.$`, message)
}

func TestHealthTellsTheAgeOfTheLastBeacon(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-3*time.Hour))
	visit(t, writer, "blog", "production", time.Now().Add(-25*time.Minute))

	status, message, _ := health(t, dataSource(t, database, nil))
	require.Equal(t, backend.HealthStatusOk, status)
	require.Equal(t, "Connected: the last beacon came 25 minutes ago.", message)

	t.Run("whatever it told of", func(t *testing.T) {
		at := time.Now().Add(-10 * time.Minute).UnixMilli()
		batch := store.NewBatch()
		batch.Add(&rum.Beacon{ReceivedAt: at, Context: rum.Context{App: "kiosk", Environment: "production", Weight: rum.FullWeight},
			Actions: []rum.Action{{Item: rum.Item{TS: at}, Name: "pay"}}})
		require.NoError(t, writer.Insert(t.Context(), "kiosk", batch))
		_, message, _ := health(t, dataSource(t, database, map[string]any{"apps": []string{"kiosk"}}))
		require.Equal(t, "Connected: the last beacon came 10 minutes ago.", message)
	})

	t.Run("of the apps the data source answers for", func(t *testing.T) {
		_, message, verbose := health(t, dataSource(t, database, map[string]any{"apps": []string{"shop", "it's"}}))
		require.Equal(t, "Connected: the last beacon came 3 hours ago.", message)
		require.Contains(t, verbose, "Limited to apps: shop, it's.")

		_, message, _ = health(t, dataSource(t, database, map[string]any{"apps": []string{"other"}}))
		require.Contains(t, message, "no beacons yet")
	})
}

// What cannot be staged with a real peer in a test's time or place is told from the error it leads to.
func TestUnreachableStoresAreTold(t *testing.T) {
	s := Settings{Address: "ch:8443", Protocol: "http"}
	for text, err := range map[string]error{
		"The host of ch:8443 is not known: check the address.":                                                 &net.DNSError{Name: "ch", IsNotFound: true},
		"ch:8443 did not answer in time: check address, port (HTTP 8123, native 9000), protocol and firewall.": context.DeadlineExceeded,
		"The certificate of ch:8443 is signed by an unknown authority: paste its CA certificate.":              x509.UnknownAuthorityError{},
		"The certificate of ch:8443 is for another name: set the TLS server name to one it lists.": x509.HostnameError{
			Certificate: &x509.Certificate{}, Host: "ch"},
		"ClickHouse at ch:8443 cannot be used: check address, protocol and TLS.": errors.New("something else"),
	} {
		require.Equal(t, text, s.whyUnreachable(fmt.Errorf("store: %w", err)))
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes",
		119 * time.Minute: "119 minutes", 47 * time.Hour: "47 hours", 50 * time.Hour: "2 days",
	} {
		require.Equal(t, want, age(d))
	}
}

// ahead is a way to the engine on which its clock is so many seconds off.
func ahead(t *testing.T, seconds string) string {
	target, err := url.Parse("http://" + access.Address)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		sql, err := io.ReadAll(r.In.Body)
		if err != nil {
			return // the engine answers the empty query with an error, which fails the test
		}
		sql = bytes.ReplaceAll(sql, []byte("now64(3)"), []byte("(now64(3) + ("+seconds+"))"))
		r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(sql)), int64(len(sql))
	}})
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
}

// hangUp is an address whose owner closes every connection.
func hangUp(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
