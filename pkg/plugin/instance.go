// Package plugin is the side of Sightline that Grafana talks to: it reads a data source's settings, decides what the
// person (or alert rule) who asks may see, and hands queries on to package query. One file holds one SDK method.
package plugin

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/sightline-rum/sightline/pkg/query"
	"github.com/sightline-rum/sightline/pkg/store"
)

// ID is the plugin's id, as in plugin.json.
const ID = "sightline-rum-datasource"

var (
	_ backend.QueryDataHandler      = (*Instance)(nil)
	_ backend.CheckHealthHandler    = (*Instance)(nil)
	_ backend.CallResourceHandler   = (*Instance)(nil)
	_ instancemgmt.InstanceDisposer = (*Instance)(nil)
)

// Instance is one configured data source. Grafana makes a new one whenever the settings change.
type Instance struct {
	settings Settings
	invalid  error // why the settings cannot be used; everything else but settings is then unset

	store     *store.Store
	runner    *query.Runner
	resources backend.CallResourceHandler
}

// New makes the instance of a data source. It does not connect, so saving wrong settings never hangs; and it keeps
// wrong settings instead of failing, because the SDK hands a factory's error to the first query of a request only.
func New(_ context.Context, from backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	i := &Instance{}
	i.resources = httpadapter.New(i.routes())
	if i.settings, i.invalid = ParseSettings(from); i.invalid != nil {
		return i, nil
	}
	if i.store, i.invalid = store.Open(i.settings.Store()); i.invalid != nil {
		return i, nil
	}
	settings := i.settings.Query()
	settings.Links.UID, settings.Links.Name = from.UID, from.Name
	i.runner = &query.Runner{Conn: i.store.Conn(), Settings: settings, Schema: store.LatestVersion()}
	return i, nil
}

// Dispose closes the connections. Grafana calls it once the queries that were under way had time to finish.
func (i *Instance) Dispose() {
	if i.store == nil {
		return
	}
	if err := i.store.Close(); err != nil {
		backend.Logger.Warn("Closing the store failed", "error", err)
	}
}
