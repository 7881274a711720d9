package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
	"github.com/sightline-rum/sightline/pkg/spool"
)

// sidecar is the HTTP side over a real spool.
type sidecar struct {
	t        *testing.T
	server   *Server
	spool    *spool.Spool
	counters *Counters
	maps     *sourcemap.Store
	erasures *erase.Erasures
	userKey  []byte
	rejected *quarantine.Quarantine
	http     *httptest.Server
}

func start(t *testing.T, yaml string, options ...spool.Options) *sidecar {
	t.Helper()
	config, err := ParseConfig([]byte(yaml))
	require.NoError(t, err)
	var o spool.Options
	if len(options) > 0 {
		o = options[0]
	}
	o.Gather = time.Millisecond
	queue, err := spool.Open(t.TempDir(), o)
	require.NoError(t, err)
	counters := NewCounters()
	folder := t.TempDir()
	maps, err := sourcemap.Open(filepath.Join(folder, "sourcemaps"), config.SourceMapLimits())
	require.NoError(t, err)
	erasures, err := erase.Open(erase.Options{Folder: filepath.Join(folder, "erasures"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	pipeline, err := enrich.New(config.Enrich(counters.Add))
	require.NoError(t, err)
	userKey, err := LoadUserKey(t.TempDir())
	require.NoError(t, err)
	rejected := quarantine.Open(t.TempDir(), quarantine.Options{})
	server, err := New(Options{
		Config: config, Spool: queue, Pipeline: pipeline, Counters: counters, UserKey: userKey, Quarantine: rejected,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), SourceMaps: maps, Erasures: erasures,
	})
	require.NoError(t, err)
	s := &sidecar{
		t: t, server: server, spool: queue, counters: counters, rejected: rejected, maps: maps, userKey: userKey,
		erasures: erasures, http: httptest.NewServer(server.Handler()),
	}
	t.Cleanup(func() {
		s.http.Close()
		require.NoError(t, queue.Close())
		require.NoError(t, rejected.Close())
	})
	return s
}

type call struct {
	method, path, body string
	header             map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *sidecar) do(c call) answer {
	s.t.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.path == "" {
		c.path = "/collect"
	}
	r, err := http.NewRequest(c.method, s.http.URL+c.path, strings.NewReader(c.body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://shop.example")
	for name, value := range c.header {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	require.NoError(s.t, err)
	return answer{status: a.StatusCode, header: a.Header, body: string(text)}
}

// kept takes what is waiting in the spool.
func (s *sidecar) kept() (records []rum.Record, raw []byte) {
	s.t.Helper()
	for s.spool.Depth() > 0 {
		batch, err := s.spool.Next(context.Background())
		require.NoError(s.t, err)
		for _, encoded := range batch.Records {
			var record rum.Record
			_, err := record.UnmarshalMsg(encoded)
			require.NoError(s.t, err)
			records = append(records, record)
			raw = append(raw, encoded...)
		}
		require.NoError(s.t, s.spool.Done(batch))
	}
	return records, raw
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func packed(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

var timestamps = regexp.MustCompile(`2026-11-23T01:03:\d\d\.\d{3}Z`)

// fresh moves a captured payload to now.
func fresh(payload string) string {
	shift := time.Since(time.UnixMilli(captured))
	return timestamps.ReplaceAllStringFunc(payload, func(text string) string {
		return time.UnixMilli(at(text)).Add(shift).UTC().Format("2006-01-02T15:04:05.000Z")
	})
}

const small = `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"}]}`

const keyed = `
apps:
  shop:
    keys:
      - sha256: %s
        environment: staging
        origins: ["https://shop.example", "https://*.shop.example"]
        rate: %s
        burst: 2
`

func TestAnswers(t *testing.T) {
	open := start(t, "")
	closed := start(t, fmt.Sprintf(keyed, hash("k1"), "1000"))
	limited := start(t, fmt.Sprintf(keyed, hash("k1"), "0.01"))
	full := start(t, "", spool.Options{MaxBytes: 1})
	for range 2 {
		require.Equal(t, 202, limited.do(call{path: "/collect/k1", body: small}).status)
	}
	cases := []struct {
		name string
		to   *sidecar
		call call
		want int
		body string
	}{
		{"accepted", open, call{body: small}, 202, `{"accepted":1,"rejected":[]}`},
		{"any key will do where none is needed", open, call{path: "/collect/anything", body: small}, 202, ``},
		{"text/plain, as sendBeacon forces it", open, call{body: small, header: map[string]string{"Content-Type": "text/plain;charset=UTF-8"}}, 202, ``},
		{"packed", open, call{body: packed(small), header: map[string]string{"Content-Encoding": "gzip"}}, 202, ``},
		{"good and bad items", open, call{body: `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"},{}]}`}, 202,
			`{"accepted":1,"rejected":[{"list":"events","index":1,"reason":"an event without a name"}]}`},
		{"only bad items", open, call{body: `{"meta":{"app":{"name":"shop"}},"events":[{}]}`}, 400, `an event without a name`},
		{"no items", open, call{body: `{"meta":{"app":{"name":"shop"}}}`}, 400, `nothing in the beacon can be used`},
		{"no app", open, call{body: `{"events":[{"name":"x"}]}`}, 400, `meta.app.name`},
		{"not JSON", open, call{body: `{"meta":`}, 400, `not valid JSON`},
		{"no object", open, call{body: `[]`}, 400, `not a JSON object`},
		{"not gzip", open, call{body: small, header: map[string]string{"Content-Encoding": "gzip"}}, 400, `not gzip`},
		{"gzip cut off", open, call{body: packed(small)[:30], header: map[string]string{"Content-Encoding": "gzip"}}, 400, `could not be read`},
		{"too large as declared", open, call{body: strings.Repeat(" ", 1<<20+1)}, 413, `too large`},
		{"too large once unpacked", open, call{body: packed(strings.Repeat(" ", 1<<20+1)), header: map[string]string{"Content-Encoding": "gzip"}}, 413, `too large`},
		{"wrong method", open, call{method: "PUT", body: small}, 405, `use POST`},
		{"wrong path", open, call{path: "/collects", body: small}, 404, ``},
		{"wrong media type", open, call{body: small, header: map[string]string{"Content-Type": "image/png"}}, 415, ``},
		{"wrong encoding", open, call{body: small, header: map[string]string{"Content-Encoding": "br"}}, 415, ``},
		{"no key", closed, call{body: small}, 401, `an app key is required`},
		{"unknown key", closed, call{path: "/collect/k2", body: small}, 401, `not known`},
		{"key in the path", closed, call{path: "/collect/k1", body: small}, 202, ``},
		{"key in Faro's header", closed, call{body: small, header: map[string]string{"X-Api-Key": "k1", "Origin": "https://www.shop.example"}}, 202, ``},
		{"another site", closed, call{path: "/collect/k1", body: small, header: map[string]string{"Origin": "https://evil.example"}}, 403, ``},
		{"a site that only ends alike", closed, call{path: "/collect/k1", body: small, header: map[string]string{"Origin": "https://myshop.example"}}, 403, ``},
		{"over the rate", limited, call{path: "/collect/k1", body: small}, 429, ``},
		{"spool full", full, call{body: small}, 503, `try again later`},
		{"health", open, call{method: "GET", path: "/healthz"}, 200, `ok`},
		{"readiness", open, call{method: "GET", path: "/readyz"}, 200, `ready`},
		{"preflight", closed, call{method: "OPTIONS", path: "/collect/k1"}, 204, ``},
		{"preflight without a key", closed, call{method: "OPTIONS"}, 204, ``},
		{"preflight of another site", closed, call{method: "OPTIONS", path: "/collect/k1", header: map[string]string{"Origin": "https://evil.example"}}, 403, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := c.to.do(c.call)
			require.Equal(t, c.want, a.status, a.body)
			require.Contains(t, a.body, c.body)
			require.NotEmpty(t, a.header.Get("Access-Control-Allow-Origin"), "the page cannot read this answer")
			require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Retry-After")
			if c.want == 429 || c.want == 503 {
				seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
				require.NoError(t, err)
				require.Positive(t, seconds)
			}
			if c.want == 204 {
				require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key")
			}
		})
	}
}

func TestAKeyDecidesAppAndDefaultEnvironment(t *testing.T) {
	s := start(t, fmt.Sprintf(keyed, hash("k1"), "0"))
	require.Equal(t, 202, s.do(call{path: "/collect/k1", body: `{"meta":{"app":{"name":"pretender"}},"events":[{"name":"x"}]}`}).status)
	require.Equal(t, 202, s.do(call{path: "/collect/k1", body: `{"meta":{"app":{"environment":"qa"}},"events":[{"name":"x"}]}`}).status)
	records, _ := s.kept()
	require.Equal(t, "shop", records[0].Beacon.Context.App)
	require.Equal(t, "staging", records[0].Beacon.Context.Environment)
	require.Equal(t, "qa", records[1].Beacon.Context.Environment)
}

func TestWithoutAKeyOnlyThisMachineMaySend(t *testing.T) {
	ring := newKeyring(&Config{})
	r := httptest.NewRequest(http.MethodPost, "/collect", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	_, refused := ring.find(r)
	require.Equal(t, 401, refused.status)
	r.RemoteAddr = "[::1]:4711"
	_, refused = ring.find(r)
	require.Nil(t, refused)
}

func TestABeaconSentAgainIsStoredOnce(t *testing.T) {
	s := start(t, "")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a := s.do(call{body: small, header: map[string]string{"Idempotency-Key": "tmHv03YE5iYgXv6JaHZn"}})
			require.Equal(t, 202, a.status)
			require.JSONEq(t, `{"accepted":1,"rejected":[]}`, a.body)
		})
	}
	group.Wait()
	records, _ := s.kept()
	require.Len(t, records, 1)
}

func TestABeaconThatCouldNotBeKeptMayComeAgain(t *testing.T) {
	failing := &refusing{}
	s := start(t, "")
	pipeline, err := enrich.New(enrich.Config{})
	require.NoError(t, err)
	server, err := New(Options{Spool: failing, Pipeline: pipeline, Counters: NewCounters(), UserKey: []byte("k"),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	require.NoError(t, err)
	s.http.Config.Handler = server.Handler()
	traced := fresh(capture(t, "06-traces.json"))
	header := map[string]string{"Idempotency-Key": "one"}
	failing.full = true
	require.Equal(t, 503, s.do(call{body: traced, header: header}).status)
	failing.full = false
	require.Equal(t, 202, s.do(call{body: traced, header: header}).status)
	require.Len(t, failing.last.Beacon.Requests, 4, "its spans were not taken for told")
}

// refusing is a spool that is full at times.
type refusing struct {
	full bool
	last rum.Record
}

func (r *refusing) Append(_ context.Context, record []byte) error {
	if r.full {
		return spool.ErrFull
	}
	_, err := r.last.UnmarshalMsg(record)
	return err
}

func TestNothingPrivateReachesTheDisk(t *testing.T) {
	s := start(t, "")
	// These are in the captured visit already, in texts, URLs, attributes and the user's meta data.
	secrets := []string{"jane.doe", "janedoe", "Jane Doe", "secret123", "u-4711", "4111 1111", "utm=x", "session=abc", "ref=mail"}
	for _, payload := range captures(t) {
		a := s.do(call{body: fresh(payload), header: map[string]string{"X-Forwarded-For": "203.0.113.99"}})
		require.Equal(t, 202, a.status, a.body)
	}
	planted := `{"meta":{"app":{"name":"shop"},"user":{"id":"cust-77","hash":"h@sh"},"page":{"url":"https://bob:pw9@shop.example/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc?tok=q1#frag7"},
		"session":{"id":"s1","attributes":{"email":"x@y.example","note":"call 198.51.100.23"}}},
		"logs":[{"message":"login bob@corp.example password=hunter2 from 198.51.100.7 and 2001:db8::8a2e:370:7334 with Bearer abcdefgh12345678"}],
		"exceptions":[{"type":"E","value":"GET https://api.example/v1?apikey=zzz9&mail=carl%40corp.example failed","stacktrace":{"frames":[{"filename":"https://shop.example/app.js?v=tok77","function":"pay"}]}}],
		"events":[{"name":"custom","attributes":{"card":"5555555555554444","iban":"DE02","comment":"5555 5555 5555 4444"}},
			{"name":"route_change","attributes":{"fromUrl":"a","toUrl":"https://shop.example/o/dora@corp.example?x=leak1"}}]}`
	require.Equal(t, 202, s.do(call{body: planted}).status)
	secrets = append(secrets, "cust-77", "h@sh", "bob", "pw9", "eyJhbGci", "tok=q1", "frag7", "x@y.example", "198.51.100", "corp.example",
		"hunter2", "2001:db8", "abcdefgh12345678", "zzz9", "carl", "tok77", "5555", "DE02", "leak1", "dora", "203.0.113.99", "127.0.0.1")
	records, raw := s.kept()
	require.Len(t, records, 9)
	for _, secret := range secrets {
		require.NotContains(t, string(raw), secret)
	}
	first, second := records[0].Beacon.Context.UserKey, records[1].Beacon.Context.UserKey
	require.Len(t, first, 32, "the user's key is there as a hash")
	require.Equal(t, first, second)
}

func TestMemoryStaysFlatUnderGzipBombs(t *testing.T) {
	s := start(t, "")
	bomb := packed(strings.Repeat(" ", 64<<20))
	attack := func() {
		for range 10 {
			require.Equal(t, 413, s.do(call{body: bomb, header: map[string]string{"Content-Encoding": "gzip"}}).status)
		}
	}
	attack()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	attack()
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc, before.HeapAlloc+4<<20)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*16<<20), "a bomb costs the limit, not its size")
}

func TestDeploys(t *testing.T) {
	s := start(t, "")
	noOrigin := map[string]string{"Origin": ""}
	post := func(body string, header map[string]string) answer {
		return s.do(call{path: "/v1/deploys", body: body, header: header})
	}
	require.Equal(t, 202, post(`{"app":"shop","release":"1.2.3","title":"Fix","at":"`+time.Now().UTC().Format(time.RFC3339)+`"}`, noOrigin).status)
	require.Equal(t, 400, post(`{"app":"shop"}`, noOrigin).status)
	require.Equal(t, 400, post(`{"app":"shop","release":"1","at":"1999-01-01T00:00:00Z"}`, noOrigin).status)
	require.Equal(t, 400, post(`{`, noOrigin).status)
	require.Equal(t, 403, post(`{"app":"shop","release":"1"}`, nil).status, "a web page may not record deploys")
	records, _ := s.kept()
	require.Len(t, records, 1)
	require.Equal(t, "1.2.3", records[0].Deploy.Release)
	require.Equal(t, DefaultEnvironment, records[0].Deploy.Environment)

	s = start(t, "admin_token_sha256: "+hash("t0ken"))
	require.Equal(t, 401, post(`{"app":"shop","release":"1"}`, nil).status)
	require.Equal(t, 401, post(`{"app":"shop","release":"1"}`, map[string]string{"Authorization": "Bearer no"}).status)
	require.Equal(t, 202, post(`{"app":"shop","release":"1"}`, map[string]string{"Authorization": "Bearer t0ken"}).status)
}

func TestWhatIsRefusedIsCountedInTheStoreToo(t *testing.T) {
	s := start(t, "")
	s.do(call{body: `{"meta":{"app":{"name":"shop","environment":"qa"}},"events":[{"name":"x"},{"name":"y"},{}],
		"measurements":[{"type":"web-vitals","values":{"lcp":-1}}]}`})
	s.do(call{body: `{`})
	require.NoError(t, s.counters.Flush(context.Background(), s.spool))
	records, _ := s.kept()
	got := map[string]int64{}
	for _, c := range records[len(records)-1].Counts {
		require.Zero(t, c.Minute%60_000)
		got[strings.Join([]string{c.App, c.Environment, c.Counter, c.Reason}, "|")] += c.Value
	}
	require.Equal(t, map[string]int64{
		"shop|qa|accepted|faro":                                 2,
		"shop|qa|quarantined|faro":                              2,
		"shop|qa|rejected|an event without a name":              1,
		"shop|qa|rejected|a value is not a number of 0 or more": 1,
		"|production|refused|undecodable":                       1,
	}, got)
	require.NoError(t, s.counters.Flush(context.Background(), s.spool))
	require.Zero(t, s.spool.Depth(), "nothing is counted twice")
}

func TestConsentAndSampledVisitsAreCounted(t *testing.T) {
	s := start(t, "")
	s.do(call{body: `{"meta":{"app":{"name":"shop"},"session":{"attributes":{"consent":"granted","samplingRate":"0.25"}}},
		"events":[{"name":"x"},{"name":"y"}]}`})
	s.do(call{body: `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"}]}`})
	s.counters.Observe("", "", "spool_records", "", 0)
	s.counters.Observe("", "", "spool_records", "", 7)
	require.NoError(t, s.counters.Flush(context.Background(), s.spool))
	records, _ := s.kept()
	got := map[string]int64{}
	for _, c := range records[len(records)-1].Counts {
		got[c.App+"|"+c.Counter+"|"+c.Reason] += c.Value
	}
	require.Equal(t, map[string]int64{"shop|accepted|faro": 3, "shop|consent|granted": 2, "shop|sampled|": 2,
		"|spool_records|": 7, "|spool_records_observed|": 2}, got)
}

func TestTheUserKeyIsMadeOnceAndReadableByItsOwnerOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	key, err := LoadUserKey(folder)
	require.NoError(t, err)
	again, err := LoadUserKey(folder)
	require.NoError(t, err)
	require.Equal(t, key, again)
	info, err := os.Stat(filepath.Join(folder, userKeyFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NotEqual(t, HashUser(key, "shop", "u1"), HashUser(key, "blog", "u1"))
	require.Empty(t, HashUser(key, "shop", ""))
}

func TestAnswersAreJSON(t *testing.T) {
	s := start(t, "")
	a := s.do(call{body: `{"meta":"\u0000` + "\"" + `}`})
	require.True(t, json.Valid([]byte(a.body)), a.body)
}
