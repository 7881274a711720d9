package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/oklog/ulid/v2"

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
		s.problem("path", s.URL, "this is not an address", "name the one that your pages send to: https://shop.example/rum/collect/KEY")
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
			s.problem("tls", s.base, "the server speaks "+tls.VersionName(answer.TLS.Version)+", which browsers refuse", "allow TLS 1.2 and 1.3")
		case left < 14*24*time.Hour:
			s.warn("tls", s.base, fmt.Sprintf("the certificate ends in %d days", int(left.Hours()/24)), "renew it, and see why that did not happen by itself")
		default:
			s.ok("tls", s.base, "%s, and the certificate is good for %d days", tls.VersionName(answer.TLS.Version), int(left.Hours()/24))
		}
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		if apart := time.Since(theirs).Abs(); apart > clocksFarApart {
			s.warn("clock", s.base, fmt.Sprintf("the server's clock is %s off from this machine's", apart.Round(time.Second)), "keep both clocks right")
		}
	}
	switch answer.StatusCode {
	case http.StatusMethodNotAllowed:
		s.ok("path", s.collect, "the sidecar answers here")
		return true
	case http.StatusNotFound:
		s.problem("path", s.collect, "there is nothing here (404)", "name the path that your proxy passes on to the sidecar's /collect")
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		s.problem("path", s.collect, "the proxy answers and the sidecar behind it does not ("+answer.Status+")",
			"start the sidecar, or correct its address in the proxy")
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		s.problem("path", s.collect, "it leads elsewhere, to "+answer.Header.Get("Location")+": a beacon does not follow",
			"send to that address, or take the redirection away")
	default:
		s.problem("path", s.collect, "something else answers here ("+answer.Status+")", "name the path that your proxy passes on to the sidecar's /collect")
	}
	return false
}

// preflight asks what a browser asks before it sends JSON to another origin.
func (s *session) preflight(ctx context.Context) bool {
	answer, said, err := s.ask(ctx, http.MethodOptions, s.collect, nil, map[string]string{"Origin": s.Origin,
		"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-faro-session-id,idempotency-key"})
	if err != nil {
		s.problem("cors", s.collect, err.Error(), whyUnreachable(err))
		return false
	}
	allowed := answer.Header.Values("Access-Control-Allow-Origin")
	headers := strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers"))
	switch {
	case answer.StatusCode == http.StatusForbidden:
		s.problem("cors", s.Origin, "pages of this origin may not send with this key", "add the origin to the key's origins in the configuration, or name another with --origin")
	case answer.StatusCode/100 != 2:
		s.problem("cors", s.collect, "the preflight is answered with "+answer.Status+": "+said, "let the proxy pass OPTIONS on")
	case len(allowed) > 1:
		s.problem("cors", s.collect, fmt.Sprintf("Access-Control-Allow-Origin is there %d times, which browsers take for none", len(allowed)),
			"the sidecar answers CORS: take the header out of the proxy")
	case len(allowed) == 0 || allowed[0] != s.Origin && allowed[0] != "*":
		s.problem("cors", s.collect, fmt.Sprintf("the answer does not allow %s (%v)", s.Origin, allowed), "let the proxy pass OPTIONS and the answer's headers on")
	case !strings.Contains(headers, "x-faro-session-id") || !strings.Contains(headers, "idempotency-key"):
		s.problem("cors", s.collect, "headers that the SDK sends are not allowed: "+headers, "the sidecar answers CORS: take the header out of the proxy")
	default:
		s.ok("cors", s.Origin, "pages of this origin may send")
		return true
	}
	return false
}

// otherSites finds keys that any site may use.
func (s *session) otherSites(ctx context.Context) {
	answer, _, err := s.ask(ctx, http.MethodOptions, s.collect, nil, map[string]string{"Origin": "https://another-site.invalid", "Access-Control-Request-Method": "POST"})
	if err == nil && answer.StatusCode/100 == 2 && answer.Header.Get("Access-Control-Allow-Origin") != "" {
		s.warn("cors", s.collect, "pages of any other site may send here, too", "name your sites in the key's origins")
	}
}

// operators finds what visitors have no business with.
func (s *session) operators(ctx context.Context) {
	if host := strings.TrimPrefix(strings.TrimPrefix(s.base, "https://"), "http://"); strings.HasPrefix(host, "127.0.0.1") || strings.HasPrefix(host, "localhost") {
		return
	}
	answer, said, err := s.ask(ctx, http.MethodGet, s.base+"/metrics", nil, nil)
	if err == nil && answer.StatusCode == http.StatusOK && strings.Contains(said, "sightline_") {
		s.warn("path", s.base+"/metrics", "everybody can read the sidecar's metrics", "serve --admin-listen 127.0.0.1:8788, or let the proxy pass on beacons alone: docs/proxy.md")
	}
}

// sizes sends a body of the size of a large beacon, packed and plain, with nothing in it that could be stored.
func (s *session) sizes(ctx context.Context) {
	empty := []byte(`{"meta":{"app":{"name":"doctor"}}` + strings.Repeat(" ", 200<<10) + `}`)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(empty)
	_ = w.Close()
	for _, c := range []struct {
		name, encoding string
		body           []byte
	}{{"200 kB", "", empty}, {"packed with gzip", "gzip", packed.Bytes()}} {
		answer, said, err := s.ask(ctx, http.MethodPost, s.collect, c.body, map[string]string{"Origin": s.Origin, "Content-Type": "application/json", "Content-Encoding": c.encoding})
		switch {
		case err != nil:
			s.problem("beacon", s.collect, "a body "+c.name+" gets no answer: "+err.Error(), whyUnreachable(err))
		case answer.StatusCode == http.StatusRequestEntityTooLarge:
			s.problem("beacon", s.collect, "a body of 200 kB is refused as too large", "raise the proxy's limit (client_max_body_size 2m) and limits.body_bytes")
		case answer.StatusCode == http.StatusUnsupportedMediaType:
			s.problem("beacon", s.collect, "a body "+c.name+" is refused: "+said, "let the proxy pass Content-Encoding and the body on as they are")
		case answer.StatusCode == http.StatusBadRequest && len(answer.Header.Values("Access-Control-Allow-Origin")) != 1:
			s.problem("cors", s.collect, "pages cannot read why a beacon was refused: Access-Control-Allow-Origin is not there once",
				"let the proxy pass the sidecar's answers and their headers on as they are")
		}
	}
}

// beacon sends one event that says that it is synthetic, so that no answer counts it.
func (s *session) beacon(ctx context.Context) (id string, sent bool) {
	id = "doctor-" + ulid.Make().String()
	app := s.App
	if app == "" {
		app = "sightline-doctor"
	}
	body := fmt.Sprintf(`{"meta":{"app":{"name":%q},"session":{"id":%q,"attributes":{"consent":"granted"}},"page":{"url":%q}},`+
		`"events":[{"name":"sightline.doctor","domain":"browser","timestamp":%q}]}`, app, id, s.Origin+"/", time.Now().UTC().Format(time.RFC3339Nano))
	answer, said, err := s.ask(ctx, http.MethodPost, s.collect, []byte(body), map[string]string{"Origin": s.Origin,
		"Content-Type": "application/json", "X-Sightline-Synthetic": "doctor", "X-Faro-Session-Id": id})
	switch {
	case err != nil:
		s.problem("beacon", s.collect, err.Error(), whyUnreachable(err))
	case answer.StatusCode == http.StatusAccepted:
		s.ok("beacon", s.collect, "a beacon was taken: %s", said)
		return id, true
	default:
		s.problem("beacon", s.collect, "a beacon is refused with "+answer.Status+": "+said, whyRefused(answer.StatusCode))
	}
	return id, false
}

func whyRefused(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "send to …/collect/KEY with a key that the configuration has the hash of"
	case http.StatusForbidden:
		return "add the origin to the key's origins in the configuration, or name another with --origin"
	case http.StatusTooManyRequests:
		return "the key's rate is used up: raise it, or try again when there is less traffic"
	case http.StatusServiceUnavailable:
		return "run doctor on the sidecar's machine: its spool is full, or its disk"
	}
	return "what it says is the sidecar's own answer, or that of the proxy before it"
}

// find waits for the beacon in the store.
func (s *session) find(ctx context.Context, id string) {
	if s.Store == nil {
		return
	}
	opened, err := store.Open(*s.Store)
	if err != nil {
		s.problem("store", s.Store.Address, err.Error(), "correct the DSN: clickhouse://user:password@host:9000/sightline")
		return
	}
	defer opened.Close()
	began := time.Now()
	for {
		var traffic, country string
		err := opened.Conn().QueryRow(ctx, "SELECT traffic, country FROM events WHERE session_id = {id:String} LIMIT 1",
			clickhouse.Named("id", id)).Scan(&traffic, &country)
		switch {
		case err == nil && traffic != "synthetic":
			s.warn("beacon", id, "the beacon is stored and counts as "+traffic+" traffic", "let the proxy pass the header X-Sightline-Synthetic on")
			return
		case err == nil:
			s.ok("store", s.Store.Address, "the beacon is stored, marked as synthetic, after %s", time.Since(began).Round(100*time.Millisecond))
			if country == "" {
				s.ok("beacon", id, "its country is not known; that of visitors comes from the CDN's headers or a database (docs/proxy.md)")
			}
			return
		case time.Since(began) > s.Wait:
			s.problem("store", s.Store.Address, fmt.Sprintf("the beacon was taken and is not in the store after %s (%v)", s.Wait, err),
				"run doctor on the sidecar's machine: is it ready, and is this its store?")
			return
		}
		select {
		case <-ctx.Done():
			s.problem("store", s.Store.Address, "interrupted before the beacon was found", "try again")
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// ask sends one request and reads the answer.
func (s *session) ask(ctx context.Context, method, url string, body []byte, header map[string]string) (*http.Response, string, error) {
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
