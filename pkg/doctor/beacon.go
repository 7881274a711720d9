package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/oklog/ulid/v2"

	"github.com/sightline-rum/sightline/pkg/store"
)

// otherSites finds keys that any site may use.
func (s *session) otherSites(ctx context.Context) {
	answer, _, err := s.ask(ctx, http.MethodOptions, s.collect, nil,
		map[string]string{"Origin": "https://another-site.invalid", "Access-Control-Request-Method": "POST"})
	if err == nil && answer.StatusCode/100 == 2 && answer.Header.Get("Access-Control-Allow-Origin") != "" {
		s.warn("cors", s.collect, "pages of any other site may send here, too", "name your sites in the key's origins")
	}
}

// operators finds what visitors have no business with.
func (s *session) operators(ctx context.Context) {
	if host := strings.TrimPrefix(strings.TrimPrefix(s.base, "https://"), "http://"); strings.HasPrefix(host,
		"127.0.0.1") || strings.HasPrefix(host, "localhost") {
		return
	}
	answer, said, err := s.ask(ctx, http.MethodGet, s.base+"/metrics", nil, nil)
	if err == nil && answer.StatusCode == http.StatusOK && strings.Contains(said, "sightline_") {
		s.warn("path", s.base+"/metrics", "everybody can read the sidecar's metrics",
			"serve --admin-listen 127.0.0.1:8788, or let the proxy pass on beacons alone: docs/proxy.md")
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
		answer, said, err := s.ask(ctx, http.MethodPost, s.collect, c.body, map[string]string{"Origin": s.Origin,
			"Content-Type": "application/json", "Content-Encoding": c.encoding})
		switch {
		case err != nil:
			s.problem("beacon", s.collect, "a body "+c.name+" gets no answer: "+err.Error(), whyUnreachable(err))
		case answer.StatusCode == http.StatusRequestEntityTooLarge:
			s.problem("beacon", s.collect, "a body of 200 kB is refused as too large",
				"raise the proxy's limit (client_max_body_size 2m) and limits.body_bytes")
		case answer.StatusCode == http.StatusUnsupportedMediaType:
			s.problem("beacon", s.collect, "a body "+c.name+" is refused: "+said,
				"let the proxy pass Content-Encoding and the body on as they are")
		case answer.StatusCode == http.StatusBadRequest && len(answer.Header.Values("Access-Control-Allow-Origin")) != 1:
			s.problem("cors", s.collect,
				"pages cannot read why a beacon was refused: Access-Control-Allow-Origin is not there once",
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
		`"events":[{"name":"sightline.doctor","domain":"browser","timestamp":%q}]}`, app, id, s.Origin+"/",
		time.Now().UTC().Format(time.RFC3339Nano))
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
			s.warn("beacon", id, "the beacon is stored and counts as "+traffic+" traffic",
				"let the proxy pass the header X-Sightline-Synthetic on")
			return
		case err == nil:
			s.ok("store", s.Store.Address, "the beacon is stored, marked as synthetic, after %s",
				time.Since(began).Round(100*time.Millisecond))
			if country == "" {
				s.ok("beacon", id,
					"its country is not known; that of visitors comes from the CDN's headers or a database (docs/proxy.md)")
			}
			return
		case time.Since(began) > s.Wait:
			s.problem("store", s.Store.Address, fmt.Sprintf("the beacon was taken and is not in the store after %s (%v)",
				s.Wait, err),
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
