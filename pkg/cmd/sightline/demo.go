package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// demoCmd starts everything on this machine, plays a day of a shop's traffic in which a release breaks the checkout,
// asks what an engineer on call would ask, and leaves it all running.
type demoCmd struct {
	Data         string  `type:"path" placeholder:"DIR" help:"Keep the data here, and add to what is there. By default ./data/demo, started afresh each time; with --once a folder that is removed afterwards."`
	Sessions     int     `default:"5000" help:"How many visits the day before now had. With fewer some answers are \"not enough data\"; 0 means an empty store and no story."`
	Rate         float64 `default:"3" help:"Beacons a second of live traffic while the demo stays up, with a scripted checkout a minute beside it; 0 for none of both."`
	Seed         uint64  `default:"1" help:"Another seed makes another day."`
	Once         bool    `help:"End after the answers are printed."`
	Listen       string  `default:"127.0.0.1:8787" help:"Address of the sidecar."`
	EngineListen string  `default:"127.0.0.1:8123" help:"Address of the embedded engine."`
	Shop         string  `name:"shop-listen" default:"127.0.0.1:8080" help:"Address of the demo shop."`
	GrafanaHome  string  `env:"GRAFANA_HOME" type:"path" placeholder:"DIR" help:"Folder of an unpacked Grafana: starts it as well, with everything set up."`
	Grafana      string  `name:"grafana-listen" default:"127.0.0.1:3000" help:"Address of that Grafana."`
	Prometheus   string  `env:"PROMETHEUS_URL" placeholder:"URL" help:"A Prometheus for that Grafana; have it read the shop's /metrics."`
	Plugin       string  `type:"path" placeholder:"FILE" help:"The plugin binary. By default the one in ../dist beside this program, or in ./dist."`

	Backend backendFlags `embed:"" group:"The services behind the shop:"`
}

const demoApp = "shop"

// Run plays the demo from start to end.
func (c *demoCmd) Run(ctx context.Context) error {
	plugin, err := (&queryCmd{Plugin: c.Plugin}).pluginBinary()
	if err != nil {
		return err
	}
	// Nobody may read what the demo says (demo | head): it then ends in order instead of being struck down.
	signal.Ignore(syscall.SIGPIPE)
	ctx, unheard := context.WithCancel(ctx)
	defer unheard()
	show := &stage{out: os.Stdout, colour: newTerminal(os.Stdout).Colour, unheard: unheard}
	show.line("%s", show.bold("Sightline: real user monitoring inside Grafana, on this machine"))
	show.line("")

	data, remove, err := c.folder()
	if err != nil {
		return err
	}
	if remove {
		defer os.RemoveAll(data)
	}
	stack := &demoStack{cmd: c, data: data, show: show, plugin: plugin}
	defer stack.stop()
	if err := stack.start(ctx); err != nil {
		return interrupted(ctx, err)
	}
	var plan *traffic.Traffic
	if c.Sessions > 0 {
		if plan, err = stack.backfill(ctx); err != nil {
			return interrupted(ctx, err)
		}
		if err := stack.askAll(ctx, plan.Incident()); err != nil {
			return interrupted(ctx, err)
		}
	}
	if c.Once {
		return nil
	}
	return interrupted(ctx, stack.stay(ctx, plan))
}

// interrupted turns Ctrl-C into a quiet end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// madeByDemo marks a folder that a demo made for itself and the next one may remove.
const madeByDemo = "made-by-sightline-demo"

// folder returns where the demo's data goes, and whether it is removed at the end.
func (c *demoCmd) folder() (path string, remove bool, err error) {
	switch {
	case c.Data != "":
		path = c.Data
	case c.Once:
		path, err = os.MkdirTemp("", "sightline-demo-")
		return path, true, err
	default:
		if path, err = filepath.Abs(filepath.Join("data", "demo")); err != nil {
			return "", false, err
		}
		if _, err := os.Stat(filepath.Join(path, madeByDemo)); err == nil {
			if _, err := engine.ReadAccess(path); err == nil {
				return "", false, fmt.Errorf("a demo is already running on %s; end it first, or name another folder with --data",
					path)
			}
			if err := os.RemoveAll(path); err != nil {
				return "", false, fmt.Errorf("remove the data of the demo before: %w", err)
			}
		} else if entries, _ := os.ReadDir(path); len(entries) > 0 {
			return "", false, fmt.Errorf("%s holds something that no demo made; name another folder with --data", path)
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", false, fmt.Errorf("make the demo's data folder: %w", err)
	}
	if c.Data == "" {
		if err := os.WriteFile(filepath.Join(path, madeByDemo), nil, 0o644); err != nil {
			return "", false, fmt.Errorf("make the demo's data folder: %w", err)
		}
	}
	return path, false, nil
}
