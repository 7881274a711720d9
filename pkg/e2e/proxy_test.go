package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy is nginx with the configuration that packaging/nginx has, on ports and certificates of the test's own.
type proxy struct {
	t       *testing.T
	address string
	ca      string // file with the certificate it shows
	client  *http.Client
}

// siteHost is the server name in the configuration.
const siteHost = "shop.example"

func startProxy(t *testing.T, upstream string) *proxy {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // where Debian has it, which is not on everybody's PATH
	}
	if _, err := os.Stat(nginx); err != nil {
		t.Skip("nginx is not installed; on Debian: apt-get install nginx-light")
	}
	dir := t.TempDir()
	certificate, key := selfSigned(t, dir)
	p := &proxy{t: t, address: freeAddress(t), ca: certificate}
	text, err := os.ReadFile("../../packaging/nginx/sightline.conf")
	require.NoError(t, err)
	site := string(text)
	for from, to := range map[string]string{
		"server 127.0.0.1:8787;":                "server " + upstream + ";",
		"listen 443 ssl;":                       "listen " + p.address + " ssl;",
		"/etc/ssl/certs/shop.example.pem":       certificate,
		"/etc/ssl/private/shop.example.key":     key,
		"# hash $sightline_visitor consistent;": "hash $sightline_visitor consistent;",
	} {
		require.Equal(t, 1, strings.Count(site, from), "the recipe no longer has: %s", from)
		site = strings.Replace(site, from, to, 1)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.conf"), []byte(site), 0o600))
	who, err := user.Current()
	require.NoError(t, err)
	whole := fmt.Sprintf("daemon off;\npid %[1]s/pid;\nerror_log stderr;\nevents {}\nhttp {\n", dir)
	if who.Uid == "0" {
		whole = "user " + who.Username + ";\n" + whole // its worker has to read the test's folder
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		whole += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	whole += "access_log off;\ninclude " + dir + "/site.conf;\n}\n"
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, []byte(whole), 0o600))

	var said bytes.Buffer
	process := exec.Command(nginx, "-e", "stderr", "-p", dir, "-c", config)
	process.Stdout, process.Stderr = &said, &said
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait()
		if t.Failed() {
			t.Logf("nginx said:\n%s", said.String())
		}
	})

	roots := x509.NewCertPool()
	shown, err := os.ReadFile(certificate)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(shown))
	dialer := &net.Dialer{}
	p.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, p.address)
		},
	}}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, 20*time.Second, 20*time.Millisecond, "nginx never listened")
	return p
}

func (p *proxy) do(method, path, body string, header map[string]string) (*http.Response, string) {
	p.t.Helper()
	request, err := http.NewRequest(method, "https://"+siteHost+path, strings.NewReader(body))
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", "https://"+siteHost)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := p.client.Do(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer, string(text)
}

const keyedConfig = `
admin_token_sha256: %[2]s
apps:
  shop:
    keys: [{sha256: %[1]s, origins: ["https://shop.example"], rate: 1000}]
`

func TestTheProxyRecipeServesBeaconsUnderTheSitesOwnPath(t *testing.T) {
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.config = configured(t, fmt.Sprintf(keyedConfig, sha256Of("k1"), sha256Of("t0ken")))
	s.start()
	s.waitReady()
	p := startProxy(t, s.listen)
	beacon := `{"meta":{"app":{"name":"shop"},"session":{"id":"by-proxy"}},"events":[{"name":"x"}]}`

	answer, text := p.do("POST", "/rum/collect/k1", beacon, nil)
	require.Equal(t, 202, answer.StatusCode, text)
	require.Len(t, answer.Header.Values("Access-Control-Allow-Origin"), 1, "said twice, a browser takes neither")
	answer, _ = p.do("OPTIONS", "/rum/collect/k1", "", map[string]string{"Access-Control-Request-Method": "POST"})
	require.Equal(t, 204, answer.StatusCode)

	for _, c := range []struct {
		name, path, body string
		want             int
	}{
		{"the sidecar's own limit", "/rum/collect/k1", strings.Repeat(" ", 3<<19), 413},
		{"the proxy's limit", "/rum/collect/k1", strings.Repeat(" ", 3<<20), 413},
		{"a wrong key", "/rum/collect/k2", beacon, 401},
	} {
		answer, text := p.do("POST", c.path, c.body, nil)
		require.Equal(t, c.want, answer.StatusCode, "%s: %s", c.name, text)
		require.Equal(t, "https://"+siteHost, answer.Header.Get("Access-Control-Allow-Origin"), c.name)
	}
	operator := map[string]string{"Authorization": "Bearer t0ken"}
	for _, path := range []string{"/rum/metrics", "/rum/readyz", "/rum/v1/deploys", "/rum/v1/quarantine/replay",
		"/rum/v1/erasures",
		"/rum/v1/sourcemaps/shop/1/a.js", "/rum//metrics", "/rum/collect/../metrics", "/rum/collect/k1/../../v1/deploys"} {
		answer, _ := p.do("POST", path, `{"app":"shop","release":"1"}`, operator)
		require.Equal(t, 404, answer.StatusCode, path)
	}
	s.waitDrained()
	require.EqualValues(t, 1, s.number("SELECT count() FROM events WHERE session_id = 'by-proxy'"))
	require.Zero(t, s.number("SELECT count() FROM deploys"))

	s.kill()
	answer, _ = p.do("POST", "/rum/collect/k1", beacon, nil)
	require.Equal(t, 503, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.Equal(t, "https://"+siteHost, answer.Header.Get("Access-Control-Allow-Origin"))
	s.start()
	s.waitReady()
	answer, _ = p.do("POST", "/rum/collect/k1", beacon, nil)
	require.Equal(t, 202, answer.StatusCode)
}

// What reaches the sidecar, seen by a server in its place.
func TestTheProxyRecipePassesOnTheAddressItSawAndNothingTheClientClaims(t *testing.T) {
	var seen http.Header
	var path string
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, path = r.Header.Clone(), r.URL.Path
		w.WriteHeader(http.StatusAccepted)
	}))
	defer behind.Close()
	p := startProxy(t, strings.TrimPrefix(behind.URL, "http://"))
	claims := map[string]string{"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1",
		"X-Real-IP":    "198.51.100.1",
		"CF-IPCountry": "FR", "CF-Connecting-IP": "198.51.100.1", "CloudFront-Viewer-Country": "FR",
		"X-Vercel-IP-Country": "FR",
		"Cookie":              "session=secret", "Idempotency-Key": "i1", "Content-Encoding": "gzip", "X-Sightline-Synthetic": "k6"}
	answer, _ := p.do("POST", "/rum/collect/k1", "x", claims)
	require.Equal(t, 202, answer.StatusCode)
	require.Equal(t, "/collect/k1", path)
	require.Equal(t, []string{"127.0.0.1"}, seen.Values("X-Forwarded-For"))
	for name, value := range seen {
		require.NotContains(t, strings.Join(value, " "), "198.51.100.1", name)
		require.NotContains(t, strings.Join(value, " "), "FR", name)
		require.NotContains(t, strings.Join(value, " "), "secret", name)
	}
	for _, kept := range []string{"Idempotency-Key", "Content-Encoding", "X-Sightline-Synthetic", "Origin",
		"Content-Type"} {
		require.NotEmpty(t, seen.Get(kept), "the sidecar needs %s", kept)
	}
}

// selfSigned writes a certificate for the site's host and for this machine.
func selfSigned(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: siteHost}, DNSNames: []string{siteHost, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(0, 6, 0),
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	certificate, key = filepath.Join(dir, "site.pem"), filepath.Join(dir, "site.key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded}), 0o600))
	return certificate, key
}
