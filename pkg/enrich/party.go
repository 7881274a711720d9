package enrich

import (
	"net"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// parties remembers the registrable domain of each host: example.co.uk of cdn.example.co.uk.
type parties struct {
	domains *lru.Cache[string, string]
}

func newParties() *parties {
	domains, _ := lru.New[string, string](4096) // fails only for a size below 1
	return &parties{domains: domains}
}

// party tells own hosts from third parties: a host is the site's own when it shares the page's registrable domain, or
// is listed as first party. Without a page to compare with, nothing is called a third party. An own host may still be
// of another origin, which browsers let read and send less: trace ids above all.
func (p *Pipeline) party(b *rum.Beacon) {
	if len(b.Requests) == 0 && len(b.Blocking) == 0 && len(b.Vitals) == 0 {
		return
	}
	page := hostOf(b.Context.PageURL)
	app := p.apps[b.Context.App]
	for i := range b.Requests {
		r := &b.Requests[i]
		r.ThirdParty = p.parties.third(page, r.Host, app.FirstParty)
		r.CrossOrigin = page != "" && r.Host != "" && r.Host != page
	}
	for i := range b.Blocking {
		s := &b.Blocking[i]
		if s.Host == "" {
			s.Host = hostOf(s.ScriptURL)
		}
		s.ThirdParty = p.parties.third(page, s.Host, app.FirstParty)
	}
	for i := range b.Vitals {
		v := &b.Vitals[i]
		v.ThirdParty = p.parties.third(page, hostOf(v.Blamed()), app.FirstParty)
	}
}

func (p *parties) third(page, host string, own []string) bool {
	if page == "" || host == "" || page == host {
		return false
	}
	domain := p.domain(host)
	if domain == p.domain(page) {
		return false
	}
	bare := withoutPort(host)
	for _, o := range own {
		if bare == o || strings.HasSuffix(bare, "."+o) {
			return false
		}
	}
	return true
}

func (p *parties) domain(host string) string {
	if found, ok := p.domains.Get(host); ok {
		return found
	}
	bare := withoutPort(host)
	domain, err := publicsuffix.EffectiveTLDPlusOne(bare)
	if err != nil { // an IP address, localhost, or a public suffix itself
		domain = bare
	}
	p.domains.Add(strings.Clone(host), strings.Clone(domain))
	return domain
}

func withoutPort(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		return bare
	}
	return host
}

// hostOf returns the host, with its port, of an absolute URL, and "" of anything else.
func hostOf(url string) string {
	_, rest, absolute := strings.Cut(url, "://")
	if !absolute {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// pathOf returns the path of a URL, or of what is a path already; "/" when there is none.
func pathOf(url string) string {
	if _, rest, absolute := strings.Cut(url, "://"); absolute {
		start := strings.IndexByte(rest, '/')
		if start < 0 {
			return "/"
		}
		url = rest[start:]
	}
	if end := strings.IndexAny(url, "?#"); end >= 0 {
		url = url[:end]
	}
	if url == "" {
		return "/"
	}
	return url
}
