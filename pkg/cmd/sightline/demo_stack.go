package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/demo"
	"github.com/sightline-rum/sightline/pkg/demo/backend"
	"github.com/sightline-rum/sightline/pkg/demo/shop"
	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// demoStack is what the demo runs: the sidecar with its engine, the shop, and perhaps a Grafana.
type demoStack struct {
	cmd    *demoCmd
	data   string
	plugin string
	show   *stage

	sidecar, engine, shop, grafana string // addresses; "" for what does not run
	access                         engine.Access
	processes                      []*demo.Process
	shopServer                     *http.Server
	backend                        *backend.Backend
}

// start brings up the sidecar, which starts the engine, and the shop.
func (s *demoStack) start(ctx context.Context) error {
	began := time.Now()
	var err error
	if s.sidecar, err = s.address("sidecar", s.cmd.Listen); err != nil {
		return err
	}
	if s.engine, err = s.address("engine", s.cmd.EngineListen); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the sidecar: %w", err)
	}
	config := filepath.Join(s.data, "demo.yaml")
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return fmt.Errorf("start the sidecar: %w", err)
	}
	if err := os.WriteFile(config, []byte(demoConfig), 0o600); err != nil {
		return fmt.Errorf("start the sidecar: %w", err)
	}
	working := s.show.working("Starting the sidecar and its embedded ClickHouse engine")
	sidecar, err := demo.StartProcess("the sidecar", filepath.Join(s.data, "serve.log"), nil, self,
		"serve", "--data", s.data, "--config", config, "--listen", s.sidecar, "--engine-listen", s.engine)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, sidecar)
	if err := sidecar.WaitReady(ctx, "http://"+s.sidecar+"/readyz", 90*time.Second); err != nil {
		return err
	}
	if s.access, err = engine.ReadAccess(s.data); err != nil {
		return err
	}
	s.engine = s.access.Address
	working("Sidecar and embedded ClickHouse engine are up (%s)", shortDuration(time.Since(began)))
	return s.startShop(ctx)
}

// demoConfig is the sidecar's configuration: the way through the shop that its owner lives on.
const demoConfig = `apps:
  ` + demoApp + `:
    journeys:
      checkout:
        - {name: Basket, route: /cart}
        - {name: Checkout, route: /checkout}
        - {name: Pay, action: pay}
        - {name: Paid, action: order-placed}
`

// address says so when the usual port is taken.
func (s *demoStack) address(what, wanted string) (string, error) {
	address, free, err := demo.Address(wanted)
	if err == nil && !free {
		s.show.line("  Something else listens on %s: the %s takes %s instead.", wanted, what, address)
	}
	return address, err
}

func (s *demoStack) startShop(ctx context.Context) error {
	address, err := s.address("shop", s.cmd.Shop)
	if err != nil {
		return err
	}
	bundle, found := beside("demo/faro.js", "bin/demo/faro.js")
	pages, err := shop.New(shop.Config{CollectorURL: "http://" + s.sidecar + "/collect", FaroBundle: bundle,
		App: demoApp})
	if err != nil {
		return err
	}
	s.backend, err = s.cmd.Backend.start(ctx, s.data, "", func(err error) {
		s.show.line("  The shop's spans or log lines could not be sent: %v", err)
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("start the shop: %w", err)
	}
	s.shop = listener.Addr().String()
	s.shopServer = &http.Server{Handler: s.backend.Handler(pages), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.shopServer.Serve(listener) }()
	if !found {
		s.show.line("  The shop's help page will not be measured: %s is missing (npm run build:demo makes it).", bundle)
	}
	return s.checkAgent(ctx)
}

// checkAgent says so when the shop's pages will find no agent at the sidecar: a program can be built without it.
func (s *demoStack) checkAgent(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+s.sidecar+"/agent.js", nil)
	if err != nil {
		return fmt.Errorf("look for the agent: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("look for the agent: %w", err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.show.line("  The shop will measure nothing: this program was built without the agent (go tool mage build has it).")
	}
	return nil
}

// beside finds a file that a build makes: relative to this program, or to the working folder.
func beside(program, working string) (path string, found bool) {
	candidates := []string{working}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		candidates = []string{filepath.Join(filepath.Dir(self), filepath.FromSlash(program)), working}
	}
	for _, candidate := range candidates {
		if _, err := os.Stat(candidate); err == nil {
			return candidate, true
		}
	}
	return working, false
}

// stop ends what runs, last started first.
func (s *demoStack) stop() {
	if s.shopServer != nil {
		s.shopServer.Close()
	}
	if s.backend != nil {
		stopBackend(s.backend)
	}
	for i := len(s.processes) - 1; i >= 0; i-- {
		s.processes[i].Stop()
	}
}

// backfill plays the day before now and waits until all of it can be asked about.
func (s *demoStack) backfill(ctx context.Context) (*traffic.Traffic, error) {
	collect := "http://" + s.sidecar + "/collect"
	plan, err := traffic.New(traffic.Config{
		Seed: s.cmd.Seed, Anchor: time.Now(), Scenario: "checkout-regression", App: demoApp, Backfill: 24 * time.Hour,
		Sessions: s.cmd.Sessions,
	})
	if err != nil {
		return nil, err
	}
	if err := traffic.SendDeploys(ctx, collect, plan.Deploys()); err != nil {
		return nil, err
	}
	bar := newProgress(os.Stdout, fmt.Sprintf("  Playing a day of %d visits", s.cmd.Sessions))
	sender := &traffic.Sender{URL: collect, Workers: 48}
	began := time.Now()
	done, err := sender.Send(ctx, plan.Past(), false, func(sent traffic.Summary, at time.Time) {
		bar.show(1-plan.Anchor().Sub(at).Hours()/24, fmt.Sprintf("%d beacons, %.0f/s", sent.Acknowledged, sent.Rate()))
	})
	bar.clear()
	if err == nil && ctx.Err() == nil && done.Acknowledged < done.Sent {
		err = fmt.Errorf("%d of %d beacons were not taken; the last one because %s (see %s)",
			done.Sent-done.Acknowledged, done.Sent, done.LastReason, filepath.Join(s.data, "serve.log"))
	}
	if err != nil || ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	if err := s.drained(ctx); err != nil {
		return nil, err
	}
	s.show.done("A day of a shop is stored: %d visits, %d beacons, %d items, in %s (%.0f beacons/s acknowledged, p99 %s)",
		s.cmd.Sessions, done.Acknowledged, done.Items, shortDuration(time.Since(began)), done.Rate(),
		shortDuration(done.Latency(0.99)))
	return plan, nil
}

// drained waits until everything acknowledged has reached the store.
func (s *demoStack) drained(ctx context.Context) error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		left, err := s.spooled()
		switch {
		case err == nil && left == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%.0f beacons still wait in the spool after two minutes; see %s", left, filepath.Join(s.data,
				"serve.log"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// spooled reads from the sidecar's metrics how many beacons wait for the store.
func (s *demoStack) spooled() (float64, error) {
	answer, err := http.Get("http://" + s.sidecar + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "sightline_spool_records "); ok {
			var records float64
			_, err := fmt.Sscan(rest, &records)
			return records, err
		}
	}
	return 0, errors.New("the sidecar does not say how many records its spool holds")
}

// stay keeps everything up, with a little live traffic, until Ctrl-C or until a part ends by itself.
func (s *demoStack) stay(ctx context.Context, plan *traffic.Traffic) error {
	if err := s.startGrafana(ctx); err != nil {
		return err
	}
	s.show.line("\n%s", s.show.bold("Everything stays up until Ctrl-C."))
	s.show.line("  Shop      http://%s   real pages with the agent, and /help with the Faro SDK: click around, pay, then ask again", s.shop)
	s.show.line("            pay by invoice and it is slow; its services' spans and log lines are in %s", filepath.Join(s.folderName(), "backend"))
	s.show.line("  Sidecar   http://%s   takes beacons at /collect; also /healthz, /readyz, /metrics", s.sidecar)
	s.show.line("  Engine    http://%s   the ClickHouse interface; logs and data are in %s", s.engine, s.folderName())
	if s.grafana != "" {
		s.show.line("  Grafana   http://%s   user %s, password %s; the dashboards are in the folder Sightline", s.grafana,
			demo.Admin, demo.Admin)
	} else {
		s.show.line("  Grafana   set GRAFANA_HOME to an unpacked Grafana (10.1 or newer) and the demo starts it, too")
	}
	s.show.line("\n  Ask more: sightline query --data %s '{\"queryType\":\"vitals\",\"app\":\"%s\",\"metric\":\"inp\",\"groupBy\":[\"route\"],\"format\":\"table\"}'",
		s.folderName(), demoApp)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, p := range s.processes {
		go func() {
			select {
			case <-p.Exited():
				cancel(fmt.Errorf("%s ended by itself; see the logs in %s", p.Name(), s.data))
			case <-ctx.Done():
			}
		}()
	}
	if s.cmd.Rate > 0 {
		live, err := traffic.New(traffic.Config{Seed: s.cmd.Seed, Anchor: time.Now(), App: demoApp, Rate: s.cmd.Rate})
		if err != nil {
			return err
		}
		if plan != nil {
			live = live.Continuing(plan)
		}
		sender := &traffic.Sender{URL: "http://" + s.sidecar + "/collect", Workers: 2}
		go func() { _, _ = sender.Send(ctx, live.Live(), true, nil) }()

		script := &traffic.Script{Shop: "http://" + s.shop, Collect: "http://" + s.sidecar + "/collect", App: demoApp,
			Rest: 300 * time.Millisecond}
		go script.Every(ctx, time.Minute)
	}
	<-ctx.Done()
	s.show.line("\nStopping; what was taken is stored first.")
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (s *demoStack) startGrafana(ctx context.Context) error {
	if s.cmd.GrafanaHome == "" {
		return nil
	}
	address, err := s.address("Grafana", s.cmd.Grafana)
	if err != nil {
		return err
	}
	began := time.Now()
	working := s.show.working("Starting Grafana")
	dashboards, _ := beside("../src/dashboards", "src/dashboards")
	provisioning, found := beside("../provisioning", "provisioning")
	if !found {
		return errors.New("set up Grafana: there is no provisioning folder beside this program or here; " +
			"start the demo from the folder of the sources")
	}
	grafana := &demo.Grafana{
		Home: s.cmd.GrafanaHome, Folder: filepath.Join(s.data, "grafana"), Address: address,
		Plugin: filepath.Dir(s.plugin), Provisioning: provisioning, Dashboards: dashboards,
		Engine: s.access.Address, Database: s.access.Database, User: s.access.Reader.User,
		Password: s.access.Reader.Password, App: demoApp,
		Tempo: s.cmd.Backend.Tempo, Loki: s.cmd.Backend.Loki, Prometheus: s.cmd.Prometheus,
	}
	process, err := grafana.Start()
	if err != nil {
		return err
	}
	s.processes = append(s.processes, process)
	if err := process.WaitReady(ctx, "http://"+address+"/api/health", 3*time.Minute); err != nil {
		return err
	}
	s.grafana = address
	working("Grafana is up (%s)", shortDuration(time.Since(began)))
	return nil
}
