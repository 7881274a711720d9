package plugin

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// Every secret setting is one that is found wherever it gets to. The built plugin is asked everything it can be asked, with
// a store that answers, refuses the password, is away, or is something else; its log lines are kept down to the finest.
func TestNoSecretOfADataSourceIsEverSaid(t *testing.T) {
	const canary = "c4n4ry-s3cr3t"
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprint(conn, "220 mail.example ESMTP\r\n")
			_ = conn.Close()
		}
	}()

	var logs bytes.Buffer
	logged, err := pluginhost.Start(t.Context(), binary, pluginhost.Options{
		Logger: hclog.New(&hclog.LoggerOptions{Output: &logs, Level: hclog.Trace})})
	require.NoError(t, err)
	var said strings.Builder
	asked := 0
	for name, settings := range map[string]map[string]any{
		"the store refuses the password": nil,
		"nothing listens":                {"address": "127.0.0.1:1"},
		"no such host":                   {"address": "clickhouse.invalid"},
		"something else listens":         {"address": silent.Addr().String()},
		"the native protocol":            {"address": silent.Addr().String(), "protocol": "native"},
		"certificates that are none":     {"secure": true},
		"an address with a login":        {"address": "http://user@127.0.0.1"},
		"a setting of a wrong type":      {"minViews": "many"},
		"no such database":               {"database": "nowhere"},
	} {
		source := dataSource(t, database, settings)
		source.DecryptedSecureJSONData = map[string]string{"password": canary, "tlsCACert": canary,
			"tlsClientCert": canary, "tlsClientKey": canary}
		for _, role := range []string{"Viewer", "Admin"} {
			context := as(role, source)
			health, err := logged.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: context})
			require.NoError(t, err, name)
			require.NotEqual(t, backend.HealthStatusOk, health.Status, name)
			fmt.Fprintln(&said, name, health.Message, string(health.JSONDetails))
			for _, path := range []string{"apps", "tag-values", "schema", "nothing"} {
				answer, err := logged.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: context,
					Method: http.MethodGet,
					Path:   path, URL: path + "?key=route&app=shop"})
				require.NoError(t, err, name)
				fmt.Fprintln(&said, string(answer.Body), answer.Headers)
			}
			answers, err := logged.QueryData(t.Context(), request(context, nil, map[string]string{
				"A": `{"queryType":"vitals","app":"shop"}`, "B": sessionsOfShop,
				"C": `{"queryType":"variable","dimension":"app"}`, "D": `{`}))
			require.NoError(t, err, name)
			for _, answer := range answers.Responses {
				asked++
				fmt.Fprintln(&said, answer.Error)
				for _, frame := range answer.Frames {
					text, err := data.FrameToJSON(frame, data.IncludeAll)
					require.NoError(t, err)
					said.Write(text)
				}
			}
		}
	}
	logged.Stop()
	require.Equal(t, 9*2*4, asked)
	require.NotEmpty(t, logs.String(), "the plugin logs something")
	for _, form := range []string{canary, "YzRuNHJ5LXMzY3IzdA", strings.ToUpper(canary)} { // as text, in base64, folded
		require.NotContains(t, said.String(), form)
		require.NotContains(t, logs.String(), form)
	}
}
