package plugin

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query"
)

// call asks for a resource as Grafana forwards it: the path alone in Path, with its query string in URL.
func call(t *testing.T, context backend.PluginContext, method, path, parameters string) (status int, body string) {
	t.Helper()
	response, err := host.CallResource(t.Context(), &backend.CallResourceRequest{
		PluginContext: context, Method: method, Path: path, URL: path + "?" + parameters,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"application/json"}, response.Headers["Content-Type"])
	return response.Status, string(response.Body)
}

func TestResourcesForTheEditors(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	visit(t, writer, "shop", "staging", time.Now().Add(-11*time.Minute))
	visit(t, writer, "intranet", "production", time.Now().Add(-10*time.Minute))
	viewer := as("Viewer", dataSource(t, database, map[string]any{"apps": []string{"shop"}}))

	for name, c := range map[string]struct{ path, parameters, want string }{
		"apps, of those the data source answers for":    {"apps", "", `["shop"]`},
		"environments, whatever the default one":        {"environments", "app=shop", `["production","staging"]`},
		"values of a dimension for ad hoc filters":      {"tag-values", "key=route&app=shop", `[{"text":"/checkout"}]`},
		"values, with the app taken from the settings":  {"tag-values", "key=browser", `[{"text":"Chrome"}]`},
		"values of the app dimension":                   {"tag-values", "key=app", `[{"text":"shop"}]`},
		"values in a time range that had none":          {"tag-values", "key=route&app=shop&from=1000&to=2000", `[]`},
		"values in a time range in Grafana's own words": {"tag-values", "key=route&app=shop&from=now-1h&to=now", `[{"text":"/checkout"}]`},
		"values, narrowed by filters that apply": {"tag-values",
			`key=route&filters=[{"key":"browser","operator":"%3D","values":["Safari"]}]`, `[]`},
		"values, whatever filters do not apply": {"tag-values",
			`key=route&filters=[{"key":"endpoint","operator":"%3D","values":["/api"]}]`, `[{"text":"/checkout"}]`},
		"a path that starts with a slash": {"/apps", "", `["shop"]`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := call(t, viewer, http.MethodGet, c.path, c.parameters)
			require.Equal(t, http.StatusOK, status, body)
			require.JSONEq(t, c.want, body)
		})
	}

	t.Run("schema lists all that can be asked", func(t *testing.T) {
		status, body := call(t, viewer, http.MethodGet, "schema", "")
		require.Equal(t, http.StatusOK, status)
		var described query.Description
		require.NoError(t, json.Unmarshal([]byte(body), &described))
		require.Equal(t, query.Describe(), described)
	})
	t.Run("tag keys are a type's dimensions", func(t *testing.T) {
		status, body := call(t, viewer, http.MethodGet, "tag-keys", "queryType=vitals")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `{"text":"route"}`)
		require.NotContains(t, body, `"fingerprint"`)
	})
	t.Run("tag keys without a type are all dimensions", func(t *testing.T) {
		_, body := call(t, viewer, http.MethodGet, "tag-keys", "")
		require.Contains(t, body, `{"text":"fingerprint"}`)
	})
}

func TestResourcesThatCannotBeAnsweredSayWhy(t *testing.T) {
	_, database := migratedStore(t)
	source := dataSource(t, database, map[string]any{"apps": []string{"shop"}})
	admin := as("Admin", source)

	for name, c := range map[string]struct {
		context                  backend.PluginContext
		method, path, parameters string
		status                   int
		message                  string
	}{
		"an unknown path": {admin, "GET", "query", "", 404,
			"there is no resource /query: use one of /schema, /tag-keys, /tag-values, /apps, /environments"},
		"an unknown path below a known one":    {admin, "GET", "apps/shop", "", 404, "there is no resource /apps/shop"},
		"the empty path":                       {admin, "GET", "", "", 404, "there is no resource /"},
		"a method that changes things":         {admin, "POST", "apps", "", 405, "POST is not possible here: use GET"},
		"values of nothing":                    {admin, "GET", "tag-values", "app=shop", 400, "key is missing"},
		"filters that cannot be read":          {admin, "GET", "tag-values", "app=shop&key=route&filters=[{", 400, "filters is no JSON"},
		"values of an unknown dimension":       {admin, "GET", "tag-values", "app=shop&key=browsr", 400, `did you mean "browser"`},
		"an app that is not the data source's": {admin, "GET", "tag-values", "app=intranet&key=route", 403, "intranet"},
		"a time that is none":                  {admin, "GET", "apps", "from=yesterday", 400, `from "yesterday" is no time`},
		"keys of an unknown type":              {admin, "GET", "tag-keys", "queryType=nothing", 400, `unknown queryType "nothing"`},
		"a data source without an address": {as("Admin", dataSource(t, database, map[string]any{"address": ""})), "GET", "apps", "", 400,
			"no address is set"},
		"a store that is down": {as("Admin", dataSource(t, database, map[string]any{"address": freeAddress(t)})), "GET", "apps", "", 502,
			"cannot reach the store"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := call(t, c.context, c.method, c.path, c.parameters)
			require.Equal(t, c.status, status, body)
			var problem struct{ Message string }
			require.NoError(t, json.Unmarshal([]byte(body), &problem))
			require.Contains(t, problem.Message, c.message)
		})
	}
}
