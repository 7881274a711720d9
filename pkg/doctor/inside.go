package doctor

import (
	"context"

	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/store"
)

// Inside is an installation as the machine sees it that `sightline serve` runs on.
type Inside struct {
	ConfigPath  string // "" without a file
	Config      ingest.Config
	ConfigError error // why Config could not be read
	Data        string
	Listen      string
	AdminListen string

	// Stores are where beacons go, by name; the main one is "". An engine that runs on Data is found without being named.
	Stores   map[string]store.Config
	Embedded bool // the main store is the engine in Data
}

// Examine looks at everything and changes nothing.
func (i *Inside) Examine(ctx context.Context) *Report {
	r := &Report{}
	i.config(r)
	if i.ConfigError == nil {
		i.keys(r)
	}
	if i.folder(r) {
		i.spools(r)
		i.broken(r)
		i.rejected(r)
		i.disk(r)
	}
	i.machine(r)
	i.sidecar(ctx, r)
	i.stores(ctx, r)
	return r
}
