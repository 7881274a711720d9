package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/store"
)

// Outside is an installation as a visitor's browser sees it.
type Outside struct {
	URL    string         // where pages send to: https://shop.example/rum/collect/KEY
	Origin string         // of a page that sends; "" for that of URL
	App    string         // the app of the test beacon, where the key does not decide it
	Roots  *x509.CertPool // certificate authorities to trust; nil for this machine's
	Wait   time.Duration  // for the beacon to be stored

	// Store, where the beacon is looked for. Nil does not look.
	Store *store.Config
}

// session is one examination: what was found, and how to ask.
type session struct {
	*Outside
	*Report
	client  *http.Client
	collect string // the address beacons go to
	base    string // what comes before /collect
}

// Examine asks what a browser asks, sends one beacon marked as synthetic, and looks for it in the store.
func (o *Outside) Examine(ctx context.Context) *Report {
	s := &session{Outside: o, Report: &Report{}}
	if !s.address() {
		return s.Report
	}
	s.client = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS10}, Proxy: http.ProxyFromEnvironment,
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if !s.reach(ctx) || !s.preflight(ctx) {
		return s.Report
	}
	s.otherSites(ctx)
	s.operators(ctx)
	s.sizes(ctx)
	if id, sent := s.beacon(ctx); sent {
		s.find(ctx, id)
	}
	return s.Report
}

// address completes what was given: a page sends to …/collect or …/collect/KEY.
func (s *session) address() bool {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		s.problem("path", s.URL, "this is not an address",
			"name the one that your pages send to: https://shop.example/rum/collect/KEY")
		return false
	}
	path := strings.TrimRight(u.Path, "/")
	if !strings.Contains(path+"/", "/collect/") {
		path += "/collect"
	}
	at := strings.LastIndex(path+"/", "/collect/")
	s.base = u.Scheme + "://" + u.Host + path[:at]
	s.collect = u.Scheme + "://" + u.Host + path
	if s.Origin == "" {
		s.Origin = u.Scheme + "://" + u.Host
	}
	return true
}

// reach looks at the connection itself: name, certificate, clock.
func (s *session) reach(ctx context.Context) bool {
	answer, _, err := s.ask(ctx, http.MethodGet, s.collect, nil, nil)
	if err != nil {
		s.problem("tls", s.base, err.Error(), whyUnreachable(err))
		return false
	}
	if answer.TLS == nil {
		if host := answer.Request.URL.Hostname(); loopback(host + ":0") {
			s.ok("tls", s.base, "no TLS, which is fine on this machine alone")
		} else {
			s.problem("tls", s.base, "there is no TLS: browsers do not send from an https page to an http address",
				"put the sidecar behind a proxy that ends TLS: docs/proxy.md")
		}
	} else {
		left := time.Until(answer.TLS.PeerCertificates[0].NotAfter)
		switch {
		case answer.TLS.Version < tls.VersionTLS12:
			s.problem("tls", s.base, "the server speaks "+tls.VersionName(answer.TLS.Version)+", which browsers refuse",
				"allow TLS 1.2 and 1.3")
		case left < 14*24*time.Hour:
			s.warn("tls", s.base, fmt.Sprintf("the certificate ends in %d days", int(left.Hours()/24)),
				"renew it, and see why that did not happen by itself")
		default:
			s.ok("tls", s.base, "%s, and the certificate is good for %d days", tls.VersionName(answer.TLS.Version),
				int(left.Hours()/24))
		}
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		if apart := time.Since(theirs).Abs(); apart > clocksFarApart {
			s.warn("clock", s.base, fmt.Sprintf("the server's clock is %s off from this machine's", apart.Round(time.Second)),
				"keep both clocks right")
		}
	}
	switch answer.StatusCode {
	case http.StatusMethodNotAllowed:
		s.ok("path", s.collect, "the sidecar answers here")
		return true
	case http.StatusNotFound:
		s.problem("path", s.collect, "there is nothing here (404)",
			"name the path that your proxy passes on to the sidecar's /collect")
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		s.problem("path", s.collect, "the proxy answers and the sidecar behind it does not ("+answer.Status+")",
			"start the sidecar, or correct its address in the proxy")
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		s.problem("path", s.collect, "it leads elsewhere, to "+answer.Header.Get("Location")+": a beacon does not follow",
			"send to that address, or take the redirection away")
	default:
		s.problem("path", s.collect, "something else answers here ("+answer.Status+")",
			"name the path that your proxy passes on to the sidecar's /collect")
	}
	return false
}

// preflight asks what a browser asks before it sends JSON to another origin.
func (s *session) preflight(ctx context.Context) bool {
	answer, said, err := s.ask(ctx, http.MethodOptions, s.collect, nil, map[string]string{"Origin": s.Origin,
		"Access-Control-Request-Method":  "POST",
		"Access-Control-Request-Headers": "content-type,x-faro-session-id,idempotency-key"})
	if err != nil {
		s.problem("cors", s.collect, err.Error(), whyUnreachable(err))
		return false
	}
	allowed := answer.Header.Values("Access-Control-Allow-Origin")
	headers := strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers"))
	switch {
	case answer.StatusCode == http.StatusForbidden:
		s.problem("cors", s.Origin, "pages of this origin may not send with this key",
			"add the origin to the key's origins in the configuration, or name another with --origin")
	case answer.StatusCode/100 != 2:
		s.problem("cors", s.collect, "the preflight is answered with "+answer.Status+": "+said,
			"let the proxy pass OPTIONS on")
	case len(allowed) > 1:
		s.problem("cors", s.collect,
			fmt.Sprintf("Access-Control-Allow-Origin is there %d times, which browsers take for none", len(allowed)),
			"the sidecar answers CORS: take the header out of the proxy")
	case len(allowed) == 0 || allowed[0] != s.Origin && allowed[0] != "*":
		s.problem("cors", s.collect, fmt.Sprintf("the answer does not allow %s (%v)", s.Origin, allowed),
			"let the proxy pass OPTIONS and the answer's headers on")
	case !strings.Contains(headers, "x-faro-session-id") || !strings.Contains(headers, "idempotency-key"):
		s.problem("cors", s.collect, "headers that the SDK sends are not allowed: "+headers,
			"the sidecar answers CORS: take the header out of the proxy")
	default:
		s.ok("cors", s.Origin, "pages of this origin may send")
		return true
	}
	return false
}

// ask sends one request and reads the answer.
func (s *session) ask(ctx context.Context, method, url string, body []byte, header map[string]string) (*http.Response,
	string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for name, value := range header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	return answer, strings.TrimSpace(string(said)), err
}

func whyUnreachable(err error) string {
	return advice(err, "correct the address, or look at the proxy's log", [][2]string{
		{"no such host", "the name is not in DNS: add it, or correct the address"},
		{"connection refused", "nothing listens there: start the proxy or the sidecar, and look at the firewall"},
		{"certificate", "browsers do not trust the certificate: its authority, its names or its dates are wrong; " +
			"--ca-file trusts an authority of your own"},
		{"http response to", "there is no TLS at this address: write http://, or let the proxy end TLS there"},
		{"timeout", "nothing answers: a firewall, or the wrong address"},
		{"deadline exceeded", "nothing answers: a firewall, or the wrong address"},
	})
}
