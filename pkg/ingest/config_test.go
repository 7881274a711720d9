package ingest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheExampleConfigIsValid(t *testing.T) {
	config, err := LoadConfig("../../docs/config.example.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, config.Apps["shop"].Journeys["checkout"])
	require.NotEmpty(t, config.Apps["shop"].Keys[0].Origins)
}

func TestConfigErrorsSayWhatToDo(t *testing.T) {
	cases := []struct{ name, yaml, want string }{
		{"a misspelt key", "enviroment: qa", `line 1: unknown key "enviroment"; did you mean "environment"?`},
		{"a misspelt key deep inside", "apps:\n  shop:\n    keys:\n      - sha265: x", `line 4: unknown key "sha265"; did you mean "sha256"?`},
		{"a key in the wrong place", "limits:\n  endpoints: 5", `line 2: unknown key "endpoints" here; it belongs under budgets`},
		{"a key like no other", "apps:\n  shop:\n    quux_frobnicate: 1", `unknown key "quux_frobnicate"`},
		{"a key in the clear", "apps:\n  shop:\n    keys:\n      - sha256: abc\n        origins: ['*']", "64 hexadecimal digits"},
		{"no origin", "apps:\n  shop:\n    keys:\n      - sha256: " + hash("k"), "name the sites"},
		{"a URL for an origin", "apps:\n  shop:\n    keys:\n      - sha256: " + hash("k") + "\n        origins: ['https://a.example/x']", "is not an origin"},
		{"a rule without a slash", "apps:\n  shop:\n    routes:\n      - pattern: product/*", "begin with a slash"},
		{"a step that is nothing", "apps:\n  shop:\n    journeys:\n      buy:\n        - name: Cart", "give it a route or an action"},
		{"consent that is neither", "apps:\n  shop:\n    consent: sometimes", `"required", or left out`},
		{"headers of nobody", "trusted_proxies: [10.0.0.0/8]\nregion:\n  headers: [akamai]", "use cloudflare, cloudfront"},
		{"headers from anywhere", "region:\n  headers: [cloudflare]", "name their networks in trusted_proxies"},
		{"a proxy that is none", "trusted_proxies: [example.com]", `"example.com" is neither a network such as 10.0.0.0/8`},
		{"a database that is not there", "region:\n  database: no-such.mmdb", "no-such.mmdb"},
		{"a negative budget", "apps:\n  shop:\n    budgets:\n      hosts: -1", "the budget of host cannot be negative"},
		{"no YAML", "a: [", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.yaml))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := ParseConfig(nil)
	require.NoError(t, err, "an empty config is the default one")
	_, err = LoadConfig("no-such-file.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheConfigSaysForHowLongRowsAreKept(t *testing.T) {
	config, err := ParseConfig([]byte("apps: {shop: {retention_days: 7}, docs: {}}"))
	require.NoError(t, err)
	kept, said := config.KeptFor()
	require.False(t, said, "the tables stay as they are")
	require.Equal(t, map[string]int{"shop": 7}, kept.Apps)

	config, err = ParseConfig([]byte("retention: {raw_days: 20, sensitive_days: 5, tables: {views: 9}}"))
	require.NoError(t, err)
	kept, said = config.KeptFor()
	require.True(t, said)
	require.Equal(t, 20, kept.Days()["errors"])
	require.Equal(t, 9, kept.Days()["views"])
	require.Equal(t, 396, kept.Days()["releases"])
	require.Equal(t, 5, kept.Sensitive)

	for text, want := range map[string]string{
		"retention: {tables: {view: 3}}":      `retention: tables: there is no table "view" (did you mean views?)`,
		"apps: {shop: {retention_days: -1}}":  "apps.shop.retention_days",
		"retention: {raw_days: -1}":           "retention: raw_days",
		"apps: {shop: {retention: {raw: 1}}}": `unknown key "retention" here; it belongs at the top`,
	} {
		_, err := ParseConfig([]byte(text))
		require.ErrorContains(t, err, want)
	}
}
