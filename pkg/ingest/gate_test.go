package ingest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each call is wrong in one way less than the call before it, and is refused for the first of what is left.
func TestTheGateAsksItsQuestionsInOrder(t *testing.T) {
	s := start(t, fmt.Sprintf(keyed, hash("k1"), "0.01"))
	for range 2 { // the burst is used up: every call from here on is over the rate, too
		require.Equal(t, 202, s.do(call{path: "/collect/k1", body: small}).status)
	}
	bomb := packed(strings.Repeat(" ", 2<<20))
	large := strings.Repeat(" ", 1<<20+1)
	header := func(media, origin string) map[string]string {
		return map[string]string{"Content-Type": media, "Origin": origin}
	}
	for _, c := range []struct {
		question string
		call     call
		want     int
	}{
		{"method and path", call{method: "PUT", path: "/collect/k2", body: large, header: header("image/png",
			"https://evil.example")}, 405},
		{"media type", call{path: "/collect/k2", body: large, header: header("image/png", "https://evil.example")}, 415},
		{"size as declared", call{path: "/collect/k2", body: large, header: header("application/json",
			"https://evil.example")}, 413},
		{"key", call{path: "/collect/k2", body: bomb, header: header("application/json", "https://evil.example")}, 401},
		{"origin", call{path: "/collect/k1", body: bomb, header: header("application/json", "https://evil.example")}, 403},
		{"rate", call{path: "/collect/k1", body: bomb, header: header("application/json", "https://shop.example")}, 429},
	} {
		a := s.do(c.call)
		require.Equal(t, c.want, a.status, "%s: %s", c.question, a.body)
		require.NotEmpty(t, a.header.Get("Access-Control-Allow-Origin"), c.question)
	}
}

// A client that asks first is answered without its body.
func TestTheGateDecidesBeforeTheBodyIsThere(t *testing.T) {
	s := start(t, fmt.Sprintf(keyed, hash("k1"), "0.01"))
	for range 2 {
		require.Equal(t, 202, s.do(call{path: "/collect/k1", body: small}).status)
	}
	for head, want := range map[string]int{
		"POST /collect/k2 HTTP/1.1\r\nOrigin: https://shop.example":                           401,
		"POST /collect/k1 HTTP/1.1\r\nOrigin: https://evil.example":                           403,
		"POST /collect/k1 HTTP/1.1\r\nOrigin: https://shop.example\r\nContent-Type: text/csv": 415,
		"POST /collect/k1 HTTP/1.1\r\nOrigin: https://shop.example":                           429,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "%s\r\nHost: rum.example\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n", head)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, want, answer.StatusCode, head)
		require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"))
		require.NoError(t, conn.Close())
	}
}

func TestEachKeyHasARateOfItsOwn(t *testing.T) {
	s := start(t, fmt.Sprintf(keyed, hash("k1"), "0.01")+fmt.Sprintf(`
  docs:
    keys: [{sha256: %s, origins: ["*"], rate: 0.01, burst: 2}]`, hash("k2")))
	flood := func(key string) (taken int, waits map[string]bool) {
		waits = map[string]bool{}
		for range 40 {
			// An invented name does not help: the key decides whose beacon it is.
			a := s.do(call{path: "/collect/" + key, body: `{"meta":{"app":{"name":"other"}},"events":[{"name":"x"}]}`})
			if a.status == 202 {
				taken++
				continue
			}
			require.Equal(t, 429, a.status)
			waits[a.header.Get("Retry-After")] = true
		}
		return taken, waits
	}
	taken, waits := flood("k1")
	require.Equal(t, 2, taken)
	require.Greater(t, len(waits), 5, "clients that are told the same come back at once: %v", waits)
	taken, _ = flood("k2")
	require.Equal(t, 2, taken, "another app's flood uses up nothing of this one's")
}

func TestAKeyIsNowhereInTheClear(t *testing.T) {
	config, err := ParseConfig([]byte(fmt.Sprintf(keyed, hash("k1"), "1")))
	require.NoError(t, err)
	ring := newKeyring(&config)
	require.NotNil(t, ring.match("k1"))
	for _, wrong := range []string{"", "k", "k11", hash("k1"), "K1"} {
		require.Nil(t, ring.match(wrong), wrong)
	}
}

func TestAdminEndpointsCanHaveAnAddressOfTheirOwn(t *testing.T) {
	s := start(t, "admin_token_sha256: "+hash("t0ken")+"\nopen_key: true")
	public, admin := httptest.NewServer(s.server.PublicHandler()), httptest.NewServer(s.server.AdminHandler())
	defer public.Close()
	defer admin.Close()
	status := func(server *httptest.Server, method, path, body string) int {
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer t0ken")
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, a.Body.Close())
		return a.StatusCode
	}
	deploy := `{"app":"shop","release":"1"}`
	require.Equal(t, 202, status(public, "POST", "/collect", small))
	require.Equal(t, 404, status(admin, "POST", "/collect", small))
	require.Equal(t, 404, status(public, "POST", "/v1/deploys", deploy), "even with the right token")
	require.Equal(t, 202, status(admin, "POST", "/v1/deploys", deploy))
	for _, path := range []string{"/metrics", "//metrics", "/collect/../metrics", "/metrics/"} {
		require.Equal(t, 404, status(public, "GET", path, ""), path)
	}
	require.Equal(t, 200, status(admin, "GET", "/metrics", ""))
	for _, server := range []*httptest.Server{public, admin} {
		require.Equal(t, 200, status(server, "GET", "/healthz", ""))
		require.Equal(t, 200, status(server, "GET", "/readyz", ""))
	}
}
