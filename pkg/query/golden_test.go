package query

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// TestGoldenFrames holds whole answers of the plugin's binary to what they were: names, types, units, thresholds, labels, notices, SQL and
// numbers. Dashboards and alert rules rely on them. Write them anew with: go test ./pkg/query -run Golden -update
func TestGoldenFrames(t *testing.T) {
	for name, query := range goldenQuestions {
		t.Run(name, func(t *testing.T) {
			holdGolden(t, name, askPlugin(t, query))
		})
	}
}

var goldenQuestions = map[string]string{
	"vitals_series":       `{"metric":"lcp","groupBy":["route"],"limit":2}`,
	"vitals_table":        `{"metric":"inp","groupBy":["route"],"format":"table","compare":"previous","minSamples":20}`,
	"vitals_numeric":      `{"metric":"cls","groupBy":["browser","device"],"format":"numeric","limit":3}`,
	"vitals_distribution": `{"metric":"ttfb","format":"distribution","filters":[{"key":"route","values":["/cart"]}]}`,
	"vitals_timing":       `{"metric":"hero","format":"table"}`,
	"vitals_nothing":      `{"metric":"lcp","groupBy":["route"],"filters":[{"key":"os","values":["BeOS"]}]}`,
	"overview":            `{"queryType":"vitalsOverview","groupBy":["route"],"minSamples":20}`,
	"overview_deploy":     `{"queryType":"vitalsOverview","app":"blog","compare":"deploy"}`,
	"requests_series":     `{` + blogCalls + `,"metric":"errorRate","groupBy":["endpoint"],"limit":2}`,
	"requests_table":      `{` + blogCalls + `,"format":"table","limit":3}`,
	"requests_numeric":    `{` + blogCalls + `,"format":"numeric","metric":"rate"}`,
	"deploys":             `{"queryType":"deploys","app":"blog"}`,
	"deploys_table":       `{"queryType":"deploys","app":"blog","format":"table"}`,
	"errors_table":        `{"queryType":"errors"}`,
	"errors_series":       `{"queryType":"errors","format":"timeseries"}`,
	"sessions":            `{"queryType":"sessions","limit":3}`,
	"sessions_slowest":    `{"queryType":"sessions","metric":"slowestRequest","limit":3}`,
	"session_lines":       `{"queryType":"session","sessionId":"session-0004"}`,
	"session_trace":       `{"queryType":"session","sessionId":"session-0004","format":"trace"}`,
	"traces":              `{"queryType":"traces","limit":3}`,
	"variable":            `{"queryType":"variable","dimension":"release"}`,
	"releases":            `{"queryType":"releases","compare":"previous","minSamples":20,"groupBy":"device","limit":2}`,
	"releases_verdict":    `{"queryType":"releases","metric":"verdict","app":"blog","compare":"deploy"}`,
	"impact":              `{"queryType":"impact","metric":"lcp","groupBy":["route","release","browser"]}`,
	"impact_poor":         `{"queryType":"impact","metric":"inp","measure":"poor","minSamples":20}`,
	"refused":             `{"metric":"lpc"}`,
}

func holdGolden(t *testing.T, name string, answer backend.DataResponse) {
	t.Helper()
	got := shifted(t, jsonOf(answer))
	path := filepath.Join("testdata", "golden", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

var milliseconds = regexp.MustCompile(`\b1[0-9]{12}\b`)

// shifted moves all times of an answer, as the seeded days move with the calendar, and indents it for reading.
func shifted(t *testing.T, answer string) []byte {
	fixed := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	moved := milliseconds.ReplaceAllStringFunc(answer, func(text string) string {
		ms, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		return strconv.FormatInt(ms-seeded.today.UnixMilli()+fixed, 10)
	})
	dates := regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)
	moved = dates.ReplaceAllString(moved, "(time)")
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, []byte(moved), "", " "))
	return append(indented.Bytes(), '\n')
}
