package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// get asks with GET and everything in the query string, as a browser or a health check would.
func get(t *testing.T, query string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+shared.Address+query, nil)
	require.NoError(t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestHealthNeedsNoPassword(t *testing.T) {
	for _, path := range []string{"/", "/ping"} {
		response, body := get(t, path, nil)
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, "Ok.\n", body)
	}
	response, _ := get(t, "/metrics", nil)
	require.Equal(t, 404, response.StatusCode)
}

func TestAPasswordIsTakenFromEachPlaceClickHouseTakesIt(t *testing.T) {
	sql := url.QueryEscape("SELECT 1")
	reader := shared.Reader
	response, body := get(t, "/?query="+sql+"&user="+reader.User+"&password="+reader.Password, nil)
	require.Equal(t, 200, response.StatusCode, body)
	require.Equal(t, "1\n", body)
	response, _ = get(t, "/?query="+sql, http.Header{"X-Clickhouse-User": {reader.User},
		"X-Clickhouse-Key": {reader.Password}})
	require.Equal(t, 200, response.StatusCode)
	for _, query := range []string{
		"", "&user=default", "&user=default&password=", "&user=" + reader.User, "&user=" + reader.User + "&password=x",
		"&user=" + shared.Writer.User + "&password=" + reader.Password,
	} {
		response, body = get(t, "/?query="+sql+query, nil)
		require.Equal(t, 401, response.StatusCode, query)
		require.Equal(t, "516", response.Header.Get("X-ClickHouse-Exception-Code"))
		require.Contains(t, body, "AUTHENTICATION_FAILED")
		require.NotEmpty(t, response.Header.Get("WWW-Authenticate"))
	}
}

func TestTheFormatIsTheStatementsOrTheRequestsOrTabSeparated(t *testing.T) {
	_, _, body := ask(t, shared, shared.Reader, "SELECT 1 AS a, 'x' AS b", nil)
	require.Equal(t, "1\tx\n", body)
	_, _, body = ask(t, shared, shared.Reader, "SELECT 1 AS a, 'x' AS b",
		url.Values{"default_format": {"CSVWithNames"}})
	require.Equal(t, "\"a\",\"b\"\n1,\"x\"\n", body)
	_, _, body = ask(t, shared, shared.Reader, "SELECT number FROM numbers(100000) FORMAT JSON",
		url.Values{"default_format": {"Native"}})
	var answer struct {
		Rows int
		Data []struct{ Number json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Equal(t, 100000, answer.Rows)
	require.Len(t, answer.Data, 100000)
	status, code, _ := ask(t, shared, shared.Reader, "SELECT 1 FORMAT NoSuchFormat", nil)
	require.Equal(t, 400, status)
	require.Equal(t, "73", code)
}

func TestAStatementMayBeSplitBetweenQueryStringAndBody(t *testing.T) {
	_, _, body := ask(t, shared, shared.Reader, "+ 1", url.Values{"query": {"SELECT 1"}})
	require.Equal(t, "2\n", body)
	_, _, body = ask(t, shared, shared.Reader, "SELECT {a:UInt8} + 1", url.Values{"param_a": {"2"}})
	require.Equal(t, "3\n", body)
	status, code, _ := ask(t, shared, shared.Reader, " \n", nil)
	require.Equal(t, 400, status)
	require.Equal(t, "62", code)
}

func TestRowsAreTakenInTheUsualFormats(t *testing.T) {
	status, _, body := ask(t, shared, shared.Writer,
		"CREATE TABLE formats (a UInt32, b String) ENGINE = MergeTree ORDER BY a", nil)
	require.Equal(t, 200, status, body)
	for _, insert := range []struct{ query, body string }{
		{"", "INSERT INTO formats FORMAT JSONEachRow\n{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"file('y')\"}\n"},
		{"", "INSERT INTO formats (a, b) FORMAT CSV 3,\"x, y\"\n"},
		{"", "INSERT INTO formats(b, a) SETTINGS max_insert_threads = 1 FORMAT TabSeparated\nx\t4\n"},
		{"INSERT INTO formats FORMAT JSONEachRow", "{\"a\":5,\"b\":\"x\"}"},
		{"INSERT INTO formats FORMAT Values", "(6, 'x')"},
		{"INSERT INTO formats VALUES", "(7, 'x'), (8, 'y')"},
		{"", "INSERT INTO formats VALUES (9, 'x')"},
		{"", "insert into formats select 10, 'x'"},
		{"", "-- a comment\nINSERT INTO formats FORMAT TSV\n11\tx\n"},
	} {
		query := url.Values{}
		if insert.query != "" {
			query.Set("query", insert.query)
		}
		status, _, body := ask(t, shared, shared.Writer, insert.body, query)
		require.Equal(t, 200, status, insert.query+insert.body+": "+body)
		require.Empty(t, body)
	}
	_, _, body = ask(t, shared, shared.Reader, "SELECT groupArray(a) FROM (SELECT a FROM formats ORDER BY a)", nil)
	require.Equal(t, "[1,2,3,4,5,6,7,8,9,10,11]\n", body)
	for _, bad := range []string{
		"INSERT INTO formats FORMAT JSONEachRow\n{\"a\":\"x\"",
		"INSERT INTO formats FORMAT CSV\nnot a number,x\n",
		"INSERT INTO formats FORMAT Template\nx",
		"INSERT INTO formats FORMAT Native\ngarbage",
		"INSERT INTO formats (nope) FORMAT CSV\n1\n",
		"INSERT INTO formats FORMAT",
	} {
		status, code, _ := ask(t, shared, shared.Writer, bad, nil)
		require.NotEqual(t, 200, status, bad)
		require.NotEmpty(t, code, bad)
	}
	_, _, body = ask(t, shared, shared.Reader, "SELECT count() FROM formats", nil)
	require.Equal(t, "11\n", body)
}

func TestBodiesMayComeInGzipAndAnswersToo(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = io.WriteString(writer, "SELECT sum(number) FROM numbers(10)")
	require.NoError(t, writer.Close())
	request, err := http.NewRequest(http.MethodPost, "http://"+shared.Address+"/?enable_http_compression=1", &packed)
	require.NoError(t, err)
	request.SetBasicAuth(shared.Reader.User, shared.Reader.Password)
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
	unpacked, err := gzip.NewReader(response.Body)
	require.NoError(t, err)
	body, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, "45\n", string(body))
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	// The tests' engine takes 64 MiB; a length that is announced is refused before anything is read.
	status, code, body := ask(t, shared, shared.Writer, strings.Repeat(" ", 65<<20), nil)
	require.Equal(t, 413, status)
	require.Equal(t, "307", code)
	require.Contains(t, body, "67108864")
	status, code, _ = ask(t, shared, shared.Writer, "SELECT '"+strings.Repeat("x", 20<<20)+"'", nil)
	require.Equal(t, 413, status, "a statement is shorter than a body may be")
	require.Equal(t, "307", code)
}

func TestAQueryIDIsReturnedAndIsUsedOnceAtATime(t *testing.T) {
	response, _ := get(t,
		"/?query=SELECT+1&query_id=mine&user="+shared.Reader.User+"&password="+shared.Reader.Password, nil)
	require.Equal(t, "mine", response.Header.Get("X-ClickHouse-Query-Id"))
	started := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		close(started)
		ask(t, shared, shared.Reader, "SELECT sleep(1)", url.Values{"query_id": {"twice"}})
	}()
	<-started
	time.Sleep(300 * time.Millisecond)
	status, code, _ := ask(t, shared, shared.Reader, "SELECT 1", url.Values{"query_id": {"twice"}})
	require.Equal(t, 409, status)
	require.Equal(t, "216", code)
	<-ended
	status, _, _ = ask(t, shared, shared.Reader, "SELECT 1", url.Values{"query_id": {"twice"}})
	require.Equal(t, 200, status)
}

func TestSettingsComeWithTheRequest(t *testing.T) {
	_, _, body := ask(t, shared, shared.Reader, "SELECT getSetting('max_result_rows'), getSetting('final')",
		url.Values{"max_result_rows": {"7"}, "final": {"1"}, "max_execution_time": {"5.5"}, "wait_end_of_query": {"1"}})
	require.Equal(t, "7\ttrue\n", body)
	_, _, body = ask(t, shared, shared.Reader, "SELECT getSetting('max_result_rows'), getSetting('final')", nil)
	require.Equal(t, "0\tfalse\n", body, "settings end with the request")
	_, code, _ := ask(t, shared, shared.Reader, "SELECT number FROM numbers(100)", url.Values{"max_result_rows": {"7"}})
	require.Equal(t, "396", code)
	_, code, _ = ask(t, shared, shared.Reader, "SELECT count() FROM numbers(100000) WHERE number % 2",
		url.Values{"max_rows_to_read": {"1000"}})
	require.Equal(t, "158", code)
	_, _, body = ask(t, shared, shared.Writer, "CREATE TABLE never (a UInt8) ENGINE = Memory",
		url.Values{"readonly": {"1"}})
	require.Contains(t, body, "READONLY")
	_, code, _ = ask(t, shared, shared.Reader, "SELECT 1", url.Values{"max_threads": {"many"}})
	require.Equal(t, "36", code)
}

func TestWhatIsNotSupportedIsSaid(t *testing.T) {
	for _, query := range []url.Values{{"session_id": {"x"}}, {"role": {"writer"}}} {
		status, _, body := ask(t, shared, shared.Writer, "SELECT 1", query)
		require.Equal(t, 400, status)
		require.Contains(t, body, "no sessions")
	}
	request, err := http.NewRequest(http.MethodPut, "http://"+shared.Address+"/", strings.NewReader("SELECT 1"))
	require.NoError(t, err)
	request.SetBasicAuth(shared.Reader.User, shared.Reader.Password)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Equal(t, 400, response.StatusCode)
}
