package e2e

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// takers are the addresses that take bodies, with a media type each takes.
var takers = []struct{ method, path, media string }{
	{"POST", "/collect", "application/json"}, {"POST", "/collect/no-such-key", "text/plain"},
	{"POST", "/v1/logs", "application/json"}, {"POST", "/v1/logs", "application/x-protobuf"},
	{"POST", "/v1/traces", "application/json"}, {"POST", "/v1/traces", "application/x-protobuf"},
	{"POST", "/v1/vitals", "application/json"}, {"POST", "/v1/boomerang", "application/x-www-form-urlencoded"},
	{"POST", "/v1/reports", "application/reports+json"}, {"POST", "/v1/reports", "application/csp-report"},
	{"POST", "/v1/deploys", "application/json"}, {"POST", "/v1/erasures", "application/json"},
	{"PUT", "/v1/sourcemaps/shop/1.0/app.js.map", "application/json"}, {"POST", "/v1/quarantine/replay", "application/json"},
}

// hostileBodies are what a sidecar on the internet gets sooner or later.
func hostileBodies() map[string]string {
	faro := func(meta, item string) string {
		return fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":"hostile"}%s},%s}`, meta, item)
	}
	at := func(clock string) string { return faro("", `"events":[{"name":"clock","timestamp":`+clock+`}]`) }
	bodies := map[string]string{
		"nothing": "", "a null": "null", "a number": "1e400", "a string": `"x"`, "an array of arrays": "[[],[[]],[{}]]",
		"cut off": `{"meta":{"app":{"name":"sh`, "two documents": `{}{}`, "zero bytes": strings.Repeat("\x00", 4096),
		"invalid UTF-8":        faro("", "\"events\":[{\"name\":\"\xff\xfe\xc0\xaf\"}]"),
		"half surrogates":      faro("", `"events":[{"name":"\ud800\udfff\ud800"}]`),
		"control characters":   faro("", `"events":[{"name":"a\u0000b\u001b[2J"}]`),
		"deep arrays":          strings.Repeat("[", 200_000),
		"deep objects":         strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"deep within a beacon": faro("", `"events":[{"name":"x","attributes":`+strings.Repeat(`{"a":`, 50_000)+"1"+strings.Repeat("}", 50_000)+"}]"),
		"wrong types":          `{"meta":[],"events":{"name":1},"measurements":"lcp","exceptions":7,"traces":true,"logs":null}`,
		"wrong types within":   faro(`,"page":7,"user":[],"browser":"x"`, `"events":[1,"x",[],null,{"name":[]}],"measurements":[{"values":{"lcp":"fast"}}]`),
		"a huge array":         faro("", `"events":[`+strings.TrimSuffix(strings.Repeat(`{"name":"x"},`, 60_000), ",")+"]"),
		"many keys":            faro("", `"events":[{"name":"x","attributes":{`+manyKeys(20_000)+"}}]"),
		"a long name":          faro("", `"events":[{"name":"`+strings.Repeat("n", 900_000)+`"}]`),
		"repeated keys":        `{` + strings.Repeat(`"meta":{"app":{"name":"shop"}},`, 5_000) + `"events":[]}`,
		"numbers out of range": faro("", `"measurements":[{"type":"web-vitals","values":{"lcp":1e308,"cls":-1e308,"inp":1e-320,"ttfb":99999999999999999999}}]`),
		"form of ampersands":   strings.Repeat("&", 500_000), "form of percents": strings.Repeat("%", 100_000),
		"SQL":      faro("", `"events":[{"name":"'; DROP TABLE events; --","attributes":{"a')":"x' OR '1'='1"}}]`),
		"protobuf": "\x0a\xff\xff\xff\xff\x0f" + strings.Repeat("\x0a\x7f", 40_000),
	}
	for _, clock := range []string{`"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"1970-01-01T00:00:00Z"`, `"not a time"`,
		`-1`, `1e300`, fmt.Sprint(int64(math.MaxInt64)), fmt.Sprint(int64(math.MinInt64)), `"2262-04-12T00:00:00Z"`, `null`, `{}`} {
		bodies["clock "+clock] = at(clock)
	}
	return bodies
}

func manyKeys(n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf(`"key%d":%d`, i, i))
	}
	return strings.Join(keys, ",")
}

// answered are the documented answers to what is sent.
var answered = []int{200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503}

func TestFaultBadInputIsAnsweredInBoundedMemory(t *testing.T) {
	s := startSidecar(t)
	load := startPacedLoad(s, 2, 20*time.Millisecond)
	bodies := hostileBodies()
	bomb := gzipped(strings.Repeat("[", 256<<20))
	nested := gzipped(gzipped(strings.Repeat(" ", 64<<20)))
	sent, highest := 0, 0
	before := s.memory()
	throw := func(method, path, media, encoding, body string) int {
		request, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", media)
		request.Header.Set("User-Agent", "\xff\xfe"+firefox)
		if encoding != "" {
			request.Header.Set("Content-Encoding", encoding)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err, "%s %s has no answer", method, path)
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		sent++
		highest = max(highest, s.memory())
		return answer.StatusCode
	}
	rounds := long(2, 6)
	peaks, live := make([]int, rounds), make([]int, rounds) // resident memory at most; the heap just after a collection
	for round := range rounds {
		highest, live[round] = 0, math.MaxInt
		for _, to := range takers {
			for name, body := range bodies {
				if sent%25 == 0 {
					live[round] = min(live[round], int(s.metric("go_memstats_heap_alloc_bytes")))
				}
				require.Contains(t, answered, throw(to.method, to.path, to.media, "", body), "%s to %s as %s", name, to.path, to.media)
			}
			for _, packed := range []struct{ encoding, body string }{
				{"gzip", bomb}, {"gzip", nested}, {"gzip", bomb[:1000]}, {"gzip", "not gzip"}, {"br", "x"}, {"gzip, gzip", nested},
			} {
				require.Contains(t, answered, throw(to.method, to.path, to.media, packed.encoding, packed.body), "packed, to %s", to.path)
			}
		}
		peaks[round] = highest - before
	}
	load.stop()
	t.Logf("round by round, resident at most %v, live at least %v bytes", peaks, live)
	require.Less(t, slices.Max(peaks), 1024*mebibyte, "memory grew with what was sent")
	require.Less(t, live[rounds-1], live[0]+96<<20, "what is live grew from one round to the next: %v", live)
	s.waitDrained()
	letters, err := filepath.Glob(filepath.Join(s.data, "dead-letters", "*"))
	require.NoError(t, err)
	require.Empty(t, letters, "something got through that the store cannot take")
	require.False(t, strings.Contains(s.logs.String(), "panic"), "a handler panicked")
	rows := s.sql()
	var tables []string
	require.NoError(t, rows.QueryRow(t.Context(), "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase()").Scan(&tables))
	require.True(t, slices.Contains(tables, "events"))
	require.Zero(t, s.number("SELECT count() FROM events WHERE abs(dateDiff('day', ts, now())) > 8"), "an absurd time was stored")
	accountLoad(t, s, load, faults.Case{Order: 12, Fault: "bad input",
		How: fmt.Sprintf("%d bodies (bombs, nesting, wrong types, bad UTF-8, absurd clocks) to each of %d addresses, beside good "+
			"beacons", len(bodies)+6, len(takers)),
		Figures: fmt.Sprintf("%d requests, each with an answer from the table; resident memory of the sidecar at most %d MiB more; its "+
			"live heap %d MiB in the first round and %d in the last of %d", sent, slices.Max(peaks)>>20, live[0]>>20,
			live[rounds-1]>>20, rounds)})
}
