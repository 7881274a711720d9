// The plugin Grafana starts: it answers the queries, health checks and resource calls of Sightline data sources.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"github.com/sightline-rum/sightline/pkg/plugin"
)

func main() {
	if err := datasource.Manage(plugin.ID, plugin.New, datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("Plugin stopped", "error", err)
		os.Exit(1)
	}
}
