package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// running is a back end behind a page that says nothing, and the folder that it writes to.
type running struct {
	t       *testing.T
	backend *Backend
	folder  string
	url     string
}

func start(t *testing.T, config Config) *running {
	t.Helper()
	r := &running{t: t, folder: filepath.Join(t.TempDir(), "backend")}
	config.Folder = r.folder
	var err error
	r.backend, err = Start(t.Context(), config)
	require.NoError(t, err)
	pages := http.NewServeMux()
	pages.HandleFunc("GET /checkout", func(http.ResponseWriter, *http.Request) {})
	pages.HandleFunc("GET /assets/", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(r.backend.Handler(pages))
	r.url = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(r.stop)
	return r
}

// stop sends what has been gathered. It may be called again.
func (r *running) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = r.backend.Stop(ctx)
}

// ask sends a request of a trace of its own, as a browser's SDK does.
func (r *running) ask(method, path string, body any) (status int, trace, timing string) {
	r.t.Helper()
	var id [16]byte
	_, _ = rand.Read(id[:])
	trace = hex.EncodeToString(id[:])
	encoded, err := json.Marshal(body)
	require.NoError(r.t, err)
	request, err := http.NewRequest(method, r.url+path, bytes.NewReader(encoded))
	require.NoError(r.t, err)
	request.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	response, err := http.DefaultClient.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, trace, response.Header.Get("Server-Timing")
}

// exported are the spans of a trace, by their names with their service before them.
func (r *running) exported(trace string) map[string]ptrace.Span {
	r.t.Helper()
	r.stop()
	found := map[string]ptrace.Span{}
	for _, line := range r.lines(SpansFile) {
		export, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(line))
		require.NoError(r.t, err, line)
		for _, of := range export.ResourceSpans().All() {
			service, _ := of.Resource().Attributes().Get("service.name")
			for _, scope := range of.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if span.TraceID().String() == trace {
						found[service.Str()+" "+span.Name()] = span
					}
				}
			}
		}
	}
	return found
}

// said are the log lines of a trace.
func (r *running) said(trace string) []string {
	r.t.Helper()
	r.stop()
	var found []string
	for _, line := range r.lines(LogsFile) {
		export, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(line))
		require.NoError(r.t, err, line)
		for _, of := range export.ResourceLogs().All() {
			for _, scope := range of.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if record.TraceID().String() == trace {
						found = append(found, record.Body().Str())
					}
				}
			}
		}
	}
	return found
}

func (r *running) lines(file string) []string {
	text, err := os.ReadFile(filepath.Join(r.folder, file))
	require.NoError(r.t, err)
	return strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' })
}

func TestAPaymentIsOneTraceThroughBothServices(t *testing.T) {
	r := start(t, Config{Faults: Faults{SlowBy: 50 * time.Millisecond}})
	status, trace, timing := r.ask(http.MethodPost, "/api/checkout/pay", order{Method: Invoice, Items: []string{"101"}})
	require.Equal(t, http.StatusOK, status)

	spans := r.exported(trace)
	require.ElementsMatch(t, slices.Collect(maps.Keys(spans)), []string{"shop POST /api/checkout/pay", "shop SELECT stock",
		"shop HTTP POST", "payment POST /charges", "payment settle", "payment credit check", "payment write ledger entry",
		"shop INSERT orders"})
	asked, called, charged := spans["shop POST /api/checkout/pay"], spans["shop HTTP POST"], spans["payment POST /charges"]
	require.Equal(t, "b7ad6b7169203331", asked.ParentSpanID().String(), "the browser's span comes first")
	require.Equal(t, asked.SpanID(), called.ParentSpanID())
	require.Equal(t, called.SpanID(), charged.ParentSpanID(), "the payment service continues the shop's span")
	require.Contains(t, timing, `traceparent;desc="00-`+trace+"-"+asked.SpanID().String()+`-01"`,
		"the browser is told the span that was exported")

	check := spans["payment credit check"]
	require.GreaterOrEqual(t, check.EndTimestamp().AsTime().Sub(check.StartTimestamp().AsTime()), 50*time.Millisecond,
		"what was slow is a span of its own")

	lines := strings.Join(r.said(trace), "\n")
	require.Contains(t, lines, "The bank takes its time method=invoice trace_id="+trace)
	require.Contains(t, lines, "Order placed method=invoice cents=1390 trace_id="+trace)
	require.Regexp(t, `Answered method=POST route=/api/checkout/pay status=200 ms=\d+ trace_id=`+trace, lines)
}

func TestAFailedPaymentSaysWhyInItsTrace(t *testing.T) {
	r := start(t, Config{})
	status, trace, _ := r.ask(http.MethodPost, "/api/checkout/pay", order{Method: GiftCard})
	require.Equal(t, http.StatusBadGateway, status)
	spans := r.exported(trace)
	require.Equal(t, ptrace.StatusCodeError, spans["payment settle"].Status().Code())
	require.Equal(t, "ledger of gift-cards is read-only", spans["payment settle"].Status().Message())
	require.Equal(t, ptrace.StatusCodeError, spans["payment POST /charges"].Status().Code())
	require.Contains(t, strings.Join(r.said(trace), "\n"), `Payment failed error="ledger of gift-cards is read-only" trace_id=`+trace)
}

func TestFaultsHitTheShareTheyAreToldTo(t *testing.T) {
	every := start(t, Config{Faults: Faults{SlowPayments: 1, SlowBy: time.Millisecond, FailingPayments: 1}})
	status, trace, _ := every.ask(http.MethodPost, "/api/checkout/pay", order{Method: Card})
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, every.exported(trace), "payment credit check")

	none := start(t, Config{})
	status, trace, _ = none.ask(http.MethodPost, "/api/checkout/pay", order{Method: Card})
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, none.exported(trace), "payment credit check")
}

func TestATraceThatIsNotRecordedSaysSo(t *testing.T) {
	r := start(t, Config{Faults: Faults{Unsampled: 1}})
	status, trace, timing := r.ask(http.MethodPost, "/api/checkout/pay", order{Method: Card})
	require.Equal(t, http.StatusOK, status)
	require.Regexp(t, `traceparent;desc="00-`+trace+`-[0-9a-f]{16}-00"`, timing)
	require.Empty(t, r.exported(trace))
	require.NotEmpty(t, r.said(trace), "its lines are there all the same")
}

func TestEveryCallOfThePagesIsAnswered(t *testing.T) {
	r := start(t, Config{})
	for call, want := range map[string]int{
		"GET /api/catalogue":                 http.StatusOK,
		"GET /api/catalogue?category=coffee": http.StatusOK,
		"GET /api/search?q=lamp":             http.StatusOK,
		"GET /api/recommendations/103":       http.StatusOK,
		"GET /api/recommendations/9":         http.StatusNotFound,
		"GET /api/account/orders":            http.StatusOK,
		"GET /api/account/addresses/home":    http.StatusOK,
		"GET /api/account/addresses/moon":    http.StatusNotFound,
		"POST /api/login":                    http.StatusOK,
		"POST /api/cart/items":               http.StatusCreated,
		"POST /api/cart/voucher":             http.StatusGone,
		"POST /api/checkout/quote":           http.StatusOK,
		"GET /checkout":                      http.StatusOK,
		"GET /nowhere":                       http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(call, " ")
		status, trace, timing := r.ask(method, path, map[string]string{})
		require.Equal(t, want, status, call)
		require.Regexp(t, `^app;dur=[0-9.]+, traceparent;desc="00-`+trace+`-[0-9a-f]{16}-01"$`, timing, call)
	}
	_, _, timing := r.ask(http.MethodGet, "/assets/shop.js", nil)
	require.Empty(t, timing, "a file has no trace: nothing would be found under its id")

	status, _, _ := r.ask(http.MethodPost, "/api/checkout/pay", order{Method: "shells"})
	require.Equal(t, http.StatusBadRequest, status)
	answered, err := http.Post(r.url+"/api/checkout/pay", "", nil)
	require.NoError(t, err)
	answered.Body.Close()
	require.Equal(t, http.StatusPaymentRequired, answered.StatusCode, "an order without anything in it is one by wallet")
}

func TestSlowPaymentsFillTheConnectionsOfTheLedger(t *testing.T) {
	r := start(t, Config{Faults: Faults{SlowBy: time.Minute}})
	ctx, leave := context.WithCancel(t.Context())
	var customers sync.WaitGroup
	for range ledgerConnections + 1 {
		customers.Go(func() {
			body := strings.NewReader(`{"method":"invoice"}`)
			request, _ := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/api/checkout/pay", body)
			if response, err := http.DefaultClient.Do(request); err == nil {
				response.Body.Close()
			}
		})
	}
	require.Eventually(t, func() bool {
		text := r.metrics()
		return strings.Contains(text, `db_client_connection_count{db_client_connection_pool_name="ledger",db_client_connection_state="used"} 8`) &&
			strings.Contains(text, `db_client_connection_count{db_client_connection_pool_name="ledger",db_client_connection_state="idle"} 0`) &&
			strings.Contains(text, `db_client_connection_pending_requests{db_client_connection_pool_name="ledger"} 1`) &&
			strings.Contains(text, `http_server_active_requests{service_name="payment"} 9`) &&
			strings.Contains(text, `http_server_active_requests{service_name="shop"} 9`)
	}, 10*time.Second, 20*time.Millisecond, "the metrics never showed it")
	require.Contains(t, r.metrics(), `db_client_connection_max{db_client_connection_pool_name="ledger"} 8`)
	leave()
	customers.Wait()
	require.Eventually(t, func() bool {
		return strings.Contains(r.metrics(), `db_client_connection_count{db_client_connection_pool_name="ledger",db_client_connection_state="used"} 0`)
	}, 10*time.Second, 20*time.Millisecond, "who has left gives back the connection")
}

func (r *running) metrics() string {
	response, err := http.Get(r.url + "/metrics")
	require.NoError(r.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return string(text)
}

func TestFaultsOutsideOfTheirRangeAreRefused(t *testing.T) {
	for want, faults := range map[string]Faults{
		"the share of slow payments is 2":          {SlowPayments: 2},
		"the share of failing payments is -1":      {FailingPayments: -1},
		"the share of unsampled traces is 50":      {Unsampled: 50},
		"slow payments are slow by -1s: less than": {SlowBy: -time.Second},
	} {
		_, err := Start(t.Context(), Config{Faults: faults})
		require.ErrorContains(t, err, want)
	}
}

// What the alert rule and the dashboard ask Prometheus for is there, by name.
func TestTheSaturationRuleAndPanelAskForMetricsThatThereAre(t *testing.T) {
	shown := start(t, Config{}).metrics()
	asked := regexp.MustCompile(`\b((?:db_client|http_server|process)_[a-z_]+)\{`)
	for _, file := range []string{"provisioning/alerting/saturation.yaml", "src/dashboards/diagnosis.json"} {
		text, err := os.ReadFile(filepath.Join("../../..", filepath.FromSlash(file)))
		require.NoError(t, err)
		names := asked.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, names, file)
		for _, name := range names {
			require.Contains(t, shown, "\n# TYPE "+name[1]+" ", file)
		}
	}
}
