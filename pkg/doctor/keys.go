package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

func (i *Inside) config(r *Report) {
	switch {
	case i.ConfigError != nil:
		r.problem("config", i.ConfigPath, i.ConfigError.Error(),
			"correct it, then check it with: sightline serve --check-config; docs/config.example.yaml has every key")
	case i.ConfigPath == "":
		r.ok("config", "", "no configuration file: the defaults, and what the environment says")
	default:
		r.ok("config", i.ConfigPath, "the configuration can be read")
	}
}

// guessable are the keys and tokens of the example configuration and of the documentation, and what people write first.
var guessable = []string{"", "key", "staging-key", "test-token", "token", "secret", "admin", "password", "changeme",
	"test", "visitors", "replace-me"}

// guessed returns the text of a hash that anybody would try.
func guessed(hash string) (text string, found bool) {
	for _, text := range guessable {
		sum := sha256.Sum256([]byte(text))
		if strings.EqualFold(strings.TrimSpace(hash), hex.EncodeToString(sum[:])) {
			return text, true
		}
	}
	return "", false
}

// keys looks at who may send and who may administer.
func (i *Inside) keys(r *Report) {
	before := len(r.Findings)
	c := &i.Config
	if text, found := guessed(c.AdminTokenSHA256); found && c.AdminTokenSHA256 != "" {
		r.problem("keys", "admin_token_sha256", fmt.Sprintf("the admin token is %q, which anybody would try", text),
			`make another: openssl rand -hex 24; its hash goes into the configuration: printf %s TOKEN | sha256sum`)
	}
	seen := map[string]string{}
	keyed := false
	for _, app := range slices.Sorted(maps.Keys(c.Apps)) {
		for n, key := range c.Apps[app].Keys {
			keyed = true
			where := fmt.Sprintf("apps.%s.keys[%d]", app, n)
			hash := strings.ToLower(strings.TrimSpace(key.SHA256))
			if other := seen[hash]; other != "" {
				r.problem("keys", where, "this is the same key as "+other+": only one of the two counts",
					"give each app and environment a key of its own")
			}
			seen[hash] = where
			if text, found := guessed(hash); found {
				r.warn("keys", where, fmt.Sprintf("the key is %q, which anybody would try", text),
					"a key stands in your pages, but need not be guessed: openssl rand -hex 12")
			}
			if slices.Contains(key.Origins, "*") {
				r.warn("keys", where, "any site may send with this key",
					`name your sites in origins, such as https://shop.example, instead of "*"`)
			}
			if key.Rate == 0 {
				r.warn("keys", where, "the key has no rate limit: whoever copies it from your pages can fill the spool",
					"set rate to a few times the beacons a second of a busy hour, and burst to ten seconds' worth")
			}
		}
	}
	open := c.OpenKey != nil && *c.OpenKey || c.OpenKey == nil && !keyed
	switch {
	case !keyed && !loopback(i.Listen):
		r.problem("keys", "--listen "+i.Listen, "no app has a key, so beacons from other machines are refused with 401",
			"give each app a key with the origins that may use it: apps.<name>.keys in the configuration")
	case open:
		r.warn("keys", "open_key", "this machine may send without a key; behind a proxy on this machine, that is everybody",
			"before visitors come, give each app a key and set open_key: false")
	}
	if keyed && c.AdminTokenSHA256 == "" && !open {
		r.warn("keys", "admin_token_sha256", "there is no admin token: nobody can record deploys or replay rejected items",
			"openssl rand -hex 24 makes one; its hash goes into admin_token_sha256: printf %s TOKEN | sha256sum")
	}
	if len(r.Findings) == before {
		r.ok("keys", "", "%s with origins and a rate of its own", several(len(seen), "key"))
	}
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
