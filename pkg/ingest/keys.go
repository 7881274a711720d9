package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/time/rate"
)

// grant is what a key allows.
type grant struct {
	app         string // "" lets the beacon name its app
	environment string
	origins     []string
	limiter     *rate.Limiter // nil for no limit
}

// keyring knows the keys of all apps by their hashes.
type keyring struct {
	grants  map[[sha256.Size]byte]*grant // looked up by match alone
	open    *grant                       // for requests without a key, from this machine; nil when there is no open key
	origins []string
	admin   *[sha256.Size]byte
}

func newKeyring(c *Config) *keyring {
	ring := &keyring{grants: map[[sha256.Size]byte]*grant{}}
	for _, name := range sortedKeys(c.Apps) {
		for _, key := range c.Apps[name].Keys {
			g := &grant{app: name, environment: key.Environment, origins: key.Origins}
			if g.environment == "" {
				g.environment = c.environment()
			}
			if key.Rate > 0 {
				burst := key.Burst
				if burst == 0 {
					burst = max(1, int(10*key.Rate))
				}
				g.limiter = rate.NewLimiter(rate.Limit(key.Rate), burst)
			}
			hash, err := parseHash(key.SHA256)
			if err != nil {
				continue // the config was checked
			}
			ring.grants[hash] = g
			ring.origins = append(ring.origins, key.Origins...)
		}
	}
	if open := c.OpenKey; open != nil && *open || open == nil && len(ring.grants) == 0 {
		ring.open = &grant{environment: c.environment(), origins: []string{"*"}}
		ring.origins = []string{"*"}
	}
	if hash, err := parseHash(c.AdminTokenSHA256); err == nil {
		ring.admin = &hash
	}
	return ring
}

// find returns what a request's key allows, or how to refuse it.
func (k *keyring) find(r *http.Request) (*grant, *refusal) {
	key := r.PathValue("app_key")
	if key == "" {
		key = r.Header.Get("X-Api-Key")
	}
	if key == "" && r.URL.RawQuery != "" {
		key = r.URL.Query().Get("key") // a beacon or a report cannot set headers
	}
	if key != "" {
		if g := k.match(key); g != nil {
			return g, nil
		}
		if k.open == nil || len(k.grants) > 0 {
			return nil, refuse(http.StatusUnauthorized, "unknown key", "the app key is not known here")
		}
	}
	switch {
	case k.open == nil:
		return nil, refuse(http.StatusUnauthorized, "missing key",
			"an app key is required: send to /collect/<key>, or send the header X-Api-Key, or ?key=")
	case !fromThisMachine(r):
		return nil, refuse(http.StatusUnauthorized, "open key from elsewhere",
			"without an app key only this machine itself may send; configure a key for the app")
	}
	return k.open, nil
}

// match compares a key with every key there is, each in full: how long it takes tells nothing about any of them.
func (k *keyring) match(key string) *grant {
	sent := sha256.Sum256([]byte(key))
	var found *grant
	for hash, g := range k.grants {
		if subtle.ConstantTimeCompare(hash[:], sent[:]) == 1 {
			found = g
		}
	}
	return found
}

// fromThisMachine goes by the connection itself: a header can claim anything.
func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// viaProxy says whether a proxy passed a request on: then this machine is the proxy's, and not the client's. Who leaves
// the header out of a request of their own gains nothing by it.
func viaProxy(r *http.Request) bool {
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// namesThisMachine says whether a request was sent to an address, or to localhost, and not to a name that anybody can
// have: a page may let its own name lead to 127.0.0.1 (DNS rebinding), and is of the same origin as the sidecar then.
func namesThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// mayAdminister lets in who has the admin token, or anyone on this machine when none is configured and the open key is
// in use.
func (k *keyring) mayAdminister(r *http.Request) *refusal {
	if k.admin == nil {
		if k.open != nil && fromThisMachine(r) && !viaProxy(r) {
			if !namesThisMachine(r.Host) {
				return refuse(http.StatusForbidden, "host", "without admin_token_sha256, ask at localhost or at an IP address")
			}
			return nil
		}
		return refuse(http.StatusUnauthorized, "no admin token", "configure admin_token_sha256 to allow this from elsewhere")
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !ok || subtle.ConstantTimeCompare(hash[:], k.admin[:]) != 1 {
		return refuse(http.StatusUnauthorized, "wrong admin token", "send the admin token: Authorization: Bearer <token>")
	}
	return nil
}

// originOf is the origin of the page that sends. An image, which is how boomerang sends with GET, names only the page
// it is on.
func originOf(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin == "" && r.Method == http.MethodGet {
		if page, err := url.Parse(r.Referer()); err == nil && page.Host != "" {
			origin = page.Scheme + "://" + page.Host
		}
	}
	return origin
}

// allows says whether a page of the given origin may send. Browsers name the origin of every POST; a request without
// one comes from no page.
func allows(origins []string, origin string) bool {
	if origin == "" {
		return true
	}
	for _, allowed := range origins {
		if allowed == "*" || strings.EqualFold(allowed, origin) {
			return true
		}
		scheme, domain, wildcard := strings.Cut(allowed, "://*.")
		if !wildcard {
			continue
		}
		s, host, ok := strings.Cut(origin, "://")
		if ok && strings.EqualFold(s, scheme) && len(host) > len(domain)+1 &&
			strings.EqualFold(host[len(host)-len(domain)-1:], "."+domain) {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
