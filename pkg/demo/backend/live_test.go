package backend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Against a Tempo and a Loki that run elsewhere, with the configuration of docker/: TEMPO_URL and LOKI_URL are the addresses
// that Grafana asks. Spans go to port 4318 of Tempo's host, unless OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says otherwise.
func TestSpansAndLinesArriveInTempoAndLoki(t *testing.T) {
	tempo, loki := os.Getenv("TEMPO_URL"), os.Getenv("LOKI_URL")
	if tempo == "" || loki == "" {
		t.Skip("needs a Tempo and a Loki: set TEMPO_URL (http://127.0.0.1:3200) and LOKI_URL (http://127.0.0.1:3100)")
	}
	address, err := url.Parse(tempo)
	require.NoError(t, err)
	r := start(t, Config{Traces: "http://" + address.Hostname() + ":4318/v1/traces", Logs: loki + "/otlp/v1/logs",
		Faults: Faults{SlowBy: 50 * time.Millisecond}})
	status, trace, _ := r.ask(http.MethodPost, "/api/checkout/pay", order{Method: Invoice})
	require.Equal(t, http.StatusOK, status)
	r.stop()

	services := func() map[string]bool {
		var found struct {
			Batches []struct {
				Resource struct {
					Attributes []struct {
						Key   string `json:"key"`
						Value struct {
							Text string `json:"stringValue"`
						} `json:"value"`
					} `json:"attributes"`
				} `json:"resource"`
			} `json:"batches"`
		}
		seen := map[string]bool{}
		if ask(t, tempo+"/api/traces/"+trace, &found) != nil {
			return seen
		}
		for _, batch := range found.Batches {
			for _, attribute := range batch.Resource.Attributes {
				if attribute.Key == "service.name" {
					seen[attribute.Value.Text] = true
				}
			}
		}
		return seen
	}
	require.Eventually(t, func() bool { return services()[ShopService] && services()[PaymentService] }, time.Minute,
		200*time.Millisecond, "Tempo never had trace %s of both services", trace)

	// By the id as the data source's own query looks for it, in the text; and as Loki keeps it beside the text.
	for _, query := range []string{`{service_name=~".+"} |= "` + trace + `"`, `{service_name=~".+"} | trace_id="` + trace + `"`} {
		lines := func() (n int) {
			var found struct {
				Data struct {
					Result []struct {
						Values [][]string `json:"values"`
					} `json:"result"`
				} `json:"data"`
			}
			asked := url.Values{"query": {query}, "start": {strconv.FormatInt(time.Now().Add(-time.Hour).UnixNano(), 10)}}
			if ask(t, loki+"/loki/api/v1/query_range?"+asked.Encode(), &found) != nil {
				return 0
			}
			for _, stream := range found.Data.Result {
				n += len(stream.Values)
			}
			return n
		}
		require.Eventually(t, func() bool { return lines() >= 4 }, time.Minute, 200*time.Millisecond,
			"Loki never had the lines of both services by %s", query)
	}
}

func ask(t *testing.T, address string, into any) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
