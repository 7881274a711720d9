package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// ownMetrics is the dashboard about the sidecar itself.
const ownMetrics = "sidecar.json"

// Every metric and every label that a panel names is one that a running sidecar tells, in the type the panel takes it
// for: a panel that asks for what is gone would be empty, as if all were well. And each metric is described.
func TestTheSidecarsDashboardAsksForWhatTheSidecarTells(t *testing.T) {
	told := scrape(t, busySidecar(t))
	asked := 0
	for title, expressions := range sidecarPanels(t) {
		t.Run(title, func(t *testing.T) {
			for _, expression := range expressions {
				for _, name := range metricsIn(expression) {
					family := told.family(name)
					require.NotNil(t, family, "%s is no metric of the sidecar", name)
					if regexp.MustCompile(`(rate|increase)\(` + name + `\b`).MatchString(expression) {
						require.NotEqual(t, dto.MetricType_GAUGE, family.GetType(), "%s is a gauge and has no rate", name)
					} else {
						require.Equal(t, dto.MetricType_GAUGE, family.GetType(), "%s only grows: ask for its rate", name)
					}
					asked++
				}
				for _, label := range labelsIn(expression) {
					require.True(t, told.label(metricsIn(expression), label), "no metric of %s has a label %s", expression, label)
				}
			}
		})
	}
	require.Greater(t, asked, 30)

	described, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	for name := range told {
		if strings.HasPrefix(name, "sightline_") && !strings.HasPrefix(name, "sightline_engine_process_") {
			require.Contains(t, string(described), "`"+name, "docs/operations.md does not say what %s is", name)
		}
	}
}

// TestPrometheusAnswersTheSidecarsDashboard needs a Prometheus that reads a sidecar's /metrics:
//
//	PROMETHEUS_URL=http://127.0.0.1:9090 go test ./pkg/e2e -run TestPrometheusAnswers
func TestPrometheusAnswersTheSidecarsDashboard(t *testing.T) {
	prometheus := os.Getenv("PROMETHEUS_URL")
	if prometheus == "" {
		t.Skip("no PROMETHEUS_URL: this check needs a Prometheus that reads a sidecar")
	}
	for title, expressions := range sidecarPanels(t) {
		for _, expression := range expressions {
			query := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(expression)
			answer, err := http.Get(prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
			require.NoError(t, err)
			var said struct{ Status, Error string }
			require.NoError(t, json.NewDecoder(answer.Body).Decode(&said))
			answer.Body.Close()
			require.Equal(t, "success", said.Status, "%s: %s: %s", title, query, said.Error)
		}
	}
}

// busySidecar has met everything once that begins a series: beacons, a refusal, spans that were passed on, rows.
func busySidecar(t *testing.T) *sidecar {
	traces := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(traces.Close)
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.flags = []string{"--forward-traces", traces.URL}
	s.start()
	s.waitReady()
	require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", "one"))
	refused, err := http.Post(s.url("/collect"), "image/png", nil)
	require.NoError(t, err)
	refused.Body.Close()
	require.Equal(t, http.StatusUnsupportedMediaType, refused.StatusCode)
	span := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
		"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET","kind":3,
		"startTimeUnixNano":"%d","endTimeUnixNano":"%[1]d","attributes":[
		{"key":"url.full","value":{"stringValue":"https://shop.example/api"}},
		{"key":"http.request.method","value":{"stringValue":"GET"}}]}]}]}]}`, time.Now().UnixNano())
	passed, err := http.Post(s.url("/v1/traces"), "application/json", strings.NewReader(span))
	require.NoError(t, err)
	said, _ := io.ReadAll(passed.Body)
	passed.Body.Close()
	require.Equal(t, http.StatusOK, passed.StatusCode, string(said))
	s.waitDrained()
	require.Eventually(t, func() bool { return s.metric(`sightline_forwarded_payloads_total{result="sent"}`) == 1 },
		time.Minute, 50*time.Millisecond)
	return s
}

// scraped is one reading of /metrics.
type scraped map[string]*dto.MetricFamily

func scrape(t *testing.T, s *sidecar) scraped {
	answer, err := http.Get(s.url("/metrics"))
	require.NoError(t, err)
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	told, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return told
}

// family of a metric. A histogram's series have endings of their own.
func (s scraped) family(name string) *dto.MetricFamily {
	if found := s[name]; found != nil {
		return found
	}
	for _, ending := range []string{"_bucket", "_sum", "_count"} {
		if found := s[strings.TrimSuffix(name, ending)]; found.GetType() == dto.MetricType_HISTOGRAM {
			return found
		}
	}
	return nil
}

// label says whether any of the metrics has it. Prometheus adds where it has read them; le is a histogram's.
func (s scraped) label(names []string, label string) bool {
	if label == "instance" || label == "le" {
		return true
	}
	for _, name := range names {
		for _, metric := range s.family(name).GetMetric() {
			for _, pair := range metric.GetLabel() {
				if pair.GetName() == label {
					return true
				}
			}
		}
	}
	// A sidecar with one store has no need to name it: without the label all are one.
	return label == "store"
}

// sidecarPanels are the expressions by panel.
func sidecarPanels(t *testing.T) map[string][]string {
	text, err := os.ReadFile(filepath.Join("../../src/dashboards", ownMetrics))
	require.NoError(t, err)
	var board dashboard
	require.NoError(t, json.Unmarshal(text, &board))
	panels := map[string][]string{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			panels[p.Title] = append(panels[p.Title], target["expr"].(string))
		}
	}
	return panels
}

func metricsIn(expression string) []string {
	return regexp.MustCompile(`\b(?:sightline|process|go)_\w+`).FindAllString(expression, -1)
}

// labelsIn are those that an expression chooses or groups by.
func labelsIn(expression string) (labels []string) {
	for _, by := range regexp.MustCompile(`\b(?:by|on) ?\(([^)]*)\)`).FindAllStringSubmatch(expression, -1) {
		labels = append(labels, strings.Split(strings.ReplaceAll(by[1], " ", ""), ",")...)
	}
	for _, chosen := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`).FindAllStringSubmatch(expression, -1) {
		labels = append(labels, chosen[1])
	}
	return labels
}
