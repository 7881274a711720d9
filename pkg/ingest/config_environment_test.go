package ingest

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestEveryKeyCanBeOverriddenByTheEnvironment(t *testing.T) {
	path := write(t, "limits: {items: 7, connections: 8}\napps:\n  my-shop:\n    budgets: {routes: 5}\n    keys:\n      - {sha256: "+
		hash("a")+", origins: ['*'], rate: 1}\n")
	c, err := ReadConfig(path, []string{
		"PATH=/bin",
		"SIGHTLINE_ENVIRONMENT=0123", // a text, whatever it looks like
		"SIGHTLINE_OPEN_KEY=true",
		"SIGHTLINE_ADMIN_TOKEN_SHA256=" + hash("t"),
		"SIGHTLINE_LIMITS_BODY_BYTES=4096",
		"SIGHTLINE_LIMITS_ITEMS=9",
		"SIGHTLINE_REGION_GENERIC_COUNTRY=CF-IPCountry, X-Country",
		"SIGHTLINE_APPS_MY_SHOP_BUDGETS_ROUTES=6",
		"SIGHTLINE_APPS_MY_SHOP_KEYS_0_RATE=2.5",
		"SIGHTLINE_APPS_MY_SHOP_KEYS_1={sha256: " + hash("b") + ", origins: ['https://b.example']}",
		"SIGHTLINE_APPS_MY_SHOP_JOURNEYS_CHECKOUT=[{name: Pay, action: pay}]",
		"SIGHTLINE_APPS_DOCS_KEYS_0_SHA256=" + hash("d"),
		"SIGHTLINE_APPS_DOCS_KEYS_0_ORIGINS=[\"https://docs.example\"]",
		"SIGHTLINE_APPS_DOCS_TRACED=true",
		"SIGHTLINE_STORES_EU_CLICKHOUSE=clickhouse://eu:9000/x",
		"SIGHTLINE_STORES_EU_COUNTRIES=DE,FR",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, "0123", c.Environment)
	require.True(t, *c.OpenKey)
	require.Equal(t, Limits{BodyBytes: 4096, Items: 9, Connections: 8}, c.Limits)
	require.Equal(t, []string{"CF-IPCountry", "X-Country"}, c.Region.Generic.Country)
	shop := c.Apps["my-shop"]
	require.Equal(t, 6, shop.Budgets.Routes)
	require.Len(t, shop.Keys, 2)
	require.InDelta(t, 2.5, shop.Keys[0].Rate, 0)
	require.Equal(t, hash("a"), shop.Keys[0].SHA256, "what the environment does not name stays")
	require.Equal(t, "Pay", shop.Journeys["checkout"][0].Name)
	require.Equal(t, []string{"https://docs.example"}, c.Apps["docs"].Keys[0].Origins)
	require.True(t, c.Apps["docs"].Traced)
	require.Equal(t, []string{"DE", "FR"}, c.Stores["eu"].Countries)
}

// A new key cannot be forgotten here: the names come from the type itself.
func TestEveryKeyOfTheConfigIsReachable(t *testing.T) {
	for name, value := range leafPaths() {
		var c Config
		known, err := c.override([]string{name + "=" + value}, nil)
		require.NoError(t, err, name)
		require.True(t, known, name)
	}
}

func TestWrongVariablesAreErrors(t *testing.T) {
	for _, c := range []struct{ variable, want string }{
		{"SIGHTLINE_LIMITS_BODY_BITES=1", "did you mean SIGHTLINE_LIMITS_BODY_BYTES?"},
		{"SIGHTLINE_OPENKEY=true", "did you mean SIGHTLINE_OPEN_KEY?"},
		{"SIGHTLINE_LIMITS_FROBNICATE=1", "no such key in the configuration"},
		{"SIGHTLINE_APPS_SHOP_COLOUR=red", "no such key in the configuration"},
		{"SIGHTLINE_LIMITS_ITEMS=many", `SIGHTLINE_LIMITS_ITEMS: "many" cannot be read`},
		{"SIGHTLINE_ADMIN_TOKEN_SHA256=abc", "overridden by the environment: admin_token_sha256: it must be 64"},
		{"SIGHTLINE_APPS_SHOP_KEYS=[{sha: x}]", "cannot be read"},
	} {
		_, err := ReadConfig("", []string{c.variable}, nil)
		require.ErrorContains(t, err, c.want, c.variable)
	}
	for _, foreign := range []string{"SIGHTLINE_PORT=tcp://10.0.0.1:8787", "SIGHTLINE_SERVICE_HOST=10.0.0.1",
		"SIGHTLINE_DATA=/data", "SIGHTLINE_=x"} {
		_, err := ReadConfig("", []string{foreign}, nil)
		require.NoError(t, err, "%s is not about the configuration", foreign)
	}
	_, err := ReadConfig("", []string{"SIGHTLINE_APP=shop"}, []string{"SIGHTLINE_APP"})
	require.NoError(t, err, "a flag's variable may resemble a key's")
}

func TestStoresAreCheckedForWhoseTheyAre(t *testing.T) {
	const dsn = "clickhouse: clickhouse://eu:9000/x"
	for _, c := range []struct{ yaml, want string }{
		{"stores: {Eu: {" + dsn + ", countries: [DE]}}", "names a folder"},
		{"stores: {../eu: {" + dsn + ", countries: [DE]}}", "names a folder"},
		{"stores: {eu: {countries: [DE]}}", "stores.eu.clickhouse: name the server"},
		{"stores: {eu: {" + dsn + "}}", "name the apps or the countries"},
		{"stores: {eu: {" + dsn + ", countries: [Germany]}}", "is not a country such as DE"},
		{"stores: {a: {" + dsn + ", countries: [DE]}, b: {" + dsn + ", countries: [DE]}}",
			"DE belongs to the store a already"},
		{"stores: {a: {" + dsn + ", apps: [x]}, b: {" + dsn + ", apps: [x]}}", `"x" belongs to the store a already`},
		{"stores: {eu: {" + dsn + ", country: [DE]}}", `did you mean "countries"?`},
	} {
		_, err := ParseConfig([]byte(c.yaml))
		require.ErrorContains(t, err, c.want, c.yaml)
	}
}

// leafPaths names the variable of every key, with an app, a store, a journey and an element of each list, and a value
// that it takes.
func leafPaths() map[string]string {
	names := map[string]string{}
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		switch t.Kind() {
		case reflect.Struct:
			for field := range fields(t) {
				walk(field.Type, prefix+"_"+variablePart(field.Tag.Get("yaml")))
			}
			return
		case reflect.Map:
			walk(t.Elem(), prefix+"_ANY")
		case reflect.Slice:
			if t.Elem().Kind() == reflect.Struct {
				walk(t.Elem(), prefix+"_0")
			}
		}
		value := "1"
		switch t.Kind() {
		case reflect.Map:
			value = "{}"
		case reflect.Slice:
			value = "[]"
		case reflect.Bool, reflect.Pointer:
			value = "true"
		}
		names[prefix] = value
	}
	walk(reflect.TypeFor[Config](), "SIGHTLINE")
	return names
}
