package alerts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// notice is what Grafana's webhook contact point sends.
type notice struct {
	Alerts []struct {
		Status       string            `json:"status"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		GeneratorURL string            `json:"generatorURL"`
	} `json:"alerts"`
}

// TestALiveFaultReachesAWebhook needs a Grafana with the provisioned rules and an empty store, such as
//
//	GRAFANA_HOME=… sightline demo --data /tmp/alerts --sessions 0 --rate 0
//	GRAFANA_URL=http://127.0.0.1:3000 SIDECAR_URL=http://127.0.0.1:8787 go test ./pkg/alerts -run Live -v -timeout 40m
//
// It gives the store an ordinary day, sends ordinary live traffic, breaks the checkout with a release, and measures
// how long each alert takes. Grafana's user is admin, password admin, unless GRAFANA_USER and GRAFANA_PASSWORD say
// otherwise.
func TestALiveFaultReachesAWebhook(t *testing.T) {
	if os.Getenv("GRAFANA_URL") == "" {
		t.Skip("no GRAFANA_URL: this check needs a running Grafana with the provisioned rules")
	}
	grafana := liveGrafana{t, strings.TrimSuffix(os.Getenv("GRAFANA_URL"), "/")}
	sidecar := cmp.Or(os.Getenv("SIDECAR_URL"), "http://127.0.0.1:8787")
	received := listen(t, grafana)

	day, err := traffic.New(traffic.Config{Seed: 41, Anchor: time.Now(), Backfill: 26 * time.Hour, Sessions: 4000})
	require.NoError(t, err)
	sender := &traffic.Sender{URL: sidecar + "/collect", Workers: 8}
	_, err = sender.Send(t.Context(), day.Past(), false, nil)
	require.NoError(t, err)

	// The scenario's incident begins two and a half hours before its anchor.
	quiet := 2 * time.Minute
	fault := time.Now().Add(quiet)
	broken, err := traffic.New(traffic.Config{Seed: 43, Anchor: fault.Add(150 * time.Minute),
		Scenario: "checkout-regression"})
	require.NoError(t, err)
	require.WithinDuration(t, fault, broken.Incident().Onset, time.Second)
	live, err := traffic.New(traffic.Config{Seed: 43, Anchor: time.Now(), Rate: 40})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _, _ = sender.Send(ctx, live.Continuing(broken).Live(), true, nil) }()
	time.AfterFunc(time.Until(fault), func() { _ = traffic.SendDeploys(ctx, sidecar+"/collect", broken.Deploys()) })

	const soon = "Error burst right after a release"
	wanted := map[string]bool{soon: true, "Error burst after a release": true,
		"Main content late at the checkout": true, "Slow reactions at the checkout": true}
	deadline := time.After(20 * time.Minute)
	for len(wanted) > 0 {
		select {
		case n := <-received:
			for _, alert := range n.Alerts {
				name := alert.Labels["alertname"]
				text, _ := json.MarshalIndent(alert, "", "  ")
				t.Logf("%s after the fault: %s\n%s", time.Since(fault).Round(time.Second), name, text)
				require.True(t, time.Now().After(fault), "nothing is wrong yet")
				if !wanted[name] || alert.Labels["release"] != broken.Incident().Release {
					continue
				}
				delete(wanted, name)
				require.Equal(t, broken.Incident().Release, alert.Annotations["release"])
				require.Regexp(t, `^[0-9.e-]+%$`, alert.Annotations["api_error_rate"])
				require.Regexp(t, `^[1-9][0-9]*$`, alert.Annotations["affected_sessions"])
				require.Regexp(t, `^[0-9]+$`, alert.Annotations["minutes_since_deploy"])
				for _, key := range []string{"dashboard", "session_list", "traces"} {
					grafana.resolves(alert.Annotations[key])
				}
				if name == soon {
					require.Less(t, time.Since(fault), 5*time.Minute, "the rule is there to be this fast")
				}
				if !strings.HasPrefix(name, "Error burst") {
					require.Equal(t, "Safari", alert.Labels["browser"])
				} else {
					require.Contains(t, alert.Annotations["top_error"], broken.Incident().ErrorMessage)
				}
			}
		case <-deadline:
			require.Failf(t, "no alert", "within 20 minutes of the fault nothing came of %v", wanted)
		}
	}
}

// listen receives what the contact point of the check sends.
func listen(t *testing.T, grafana liveGrafana) <-chan notice {
	received := make(chan notice, 100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notice
		if json.NewDecoder(r.Body).Decode(&n) == nil {
			received <- n
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })

	const name = "sightline-check"
	grafana.send("DELETE", "/api/v1/provisioning/contact-points/"+name, nil, 0)
	grafana.send("POST", "/api/v1/provisioning/contact-points", map[string]any{"uid": name, "name": name,
		"type": "webhook", "settings": map[string]any{"url": "http://" + listener.Addr().String()}}, http.StatusAccepted)
	before := grafana.send("GET", "/api/v1/provisioning/policies", nil, http.StatusOK)
	grafana.send("PUT", "/api/v1/provisioning/policies", map[string]any{"receiver": name,
		"group_by": []string{"alertname"}, "group_wait": "5s", "group_interval": "10s", "repeat_interval": "4h"},
		http.StatusAccepted)
	t.Cleanup(func() {
		var policies any
		if json.Unmarshal(before, &policies) == nil {
			grafana.send("PUT", "/api/v1/provisioning/policies", policies, http.StatusAccepted)
			grafana.send("DELETE", "/api/v1/provisioning/contact-points/"+name, nil, http.StatusAccepted)
		}
	})
	return received
}

type liveGrafana struct {
	t   *testing.T
	url string
}

// send asks Grafana's API; a status of 0 takes any answer.
func (g liveGrafana) send(method, path string, body any, status int) []byte {
	g.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(g.t, err)
	request, err := http.NewRequest(method, g.url+path, bytes.NewReader(text))
	require.NoError(g.t, err)
	request.SetBasicAuth(cmp.Or(os.Getenv("GRAFANA_USER"), "admin"), cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Disable-Provenance", "true")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(g.t, err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	require.NoError(g.t, err)
	if status != 0 {
		require.Equal(g.t, status, answer.StatusCode, "%s %s: %s", method, path, said)
	}
	return said
}

// resolves holds a link of an alert to this Grafana: a dashboard there is, with a time that the alert is about, or a
// query for Explore that the data source answers.
func (g liveGrafana) resolves(link string) {
	g.t.Helper()
	address, err := url.Parse(link)
	require.NoError(g.t, err)
	require.NotContains(g.t, link, "no value")
	if uid, ok := strings.CutPrefix(address.Path, "/d/"); ok {
		g.send("GET", "/api/dashboards/uid/"+uid, nil, http.StatusOK)
		require.Regexp(g.t, `^[0-9]{13}$`, address.Query().Get("from"))
		require.Regexp(g.t, `^[0-9]{13}$`, address.Query().Get("to"))
		return
	}
	var left struct {
		Datasource string           `json:"datasource"`
		Queries    []map[string]any `json:"queries"`
		Range      struct{ From, To string }
	}
	require.NoError(g.t, json.Unmarshal([]byte(address.Query().Get("left")), &left), link)
	left.Queries[0]["datasource"] = map[string]any{"uid": left.Datasource}
	answer := g.send("POST", "/api/ds/query", map[string]any{"queries": left.Queries, "from": left.Range.From,
		"to": left.Range.To}, http.StatusOK)
	var read struct {
		Results map[string]struct {
			Frames []struct {
				Data struct{ Values [][]any }
			}
		}
	}
	require.NoError(g.t, json.Unmarshal(answer, &read))
	require.NotEmpty(g.t, read.Results["A"].Frames)
	require.NotEmpty(g.t, read.Results["A"].Frames[0].Data.Values[0], fmt.Sprintf("no traces behind %s", link))
}
