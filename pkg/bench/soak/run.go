package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/sightline-rum/sightline/pkg/demo"
	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/store"
)

type runCmd struct {
	For       time.Duration `default:"2h" help:"How long live traffic lasts."`
	Rate      float64       `default:"30" help:"Beacons a second, on average."`
	Sessions  int           `default:"3000" help:"Visits of the day before, sent first: dashboards look back a day."`
	Every     time.Duration `default:"10s" help:"Time between two samples."`
	Ask       time.Duration `default:"30s" help:"Time between two openings of the dashboard."`
	Sightline string        `default:"bin/sightline" help:"The program under test."`
	Plugin    string        `help:"The plugin under test; dist/ has it when it is built."`
	Dashboard string        `default:"src/dashboards/experience.json" help:"The dashboard that is opened again and again."`
	Folder    string        `required:"" help:"Folder for the samples, the logs, and the data, which are removed at the end."`
}

// Run plays the traffic, samples and asks beside it, and judges the samples at the end.
func (c *runCmd) Run(ctx context.Context) error {
	if c.Plugin == "" {
		c.Plugin = fmt.Sprintf("dist/gpx_sightline_rum_%s_%s", runtime.GOOS, runtime.GOARCH)
	}
	data := filepath.Join(c.Folder, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	defer os.RemoveAll(data)
	listen, _, err := demo.Address("127.0.0.1:0")
	if err != nil {
		return err
	}
	engineListen, _, err := demo.Address("127.0.0.1:0")
	if err != nil {
		return err
	}
	sidecar, err := demo.StartProcess("the sidecar", filepath.Join(c.Folder, "serve.log"), nil, c.Sightline,
		"serve", "--data", data, "--listen", listen, "--engine-listen", engineListen)
	if err != nil {
		return err
	}
	defer sidecar.Stop()
	if err := sidecar.WaitReady(ctx, "http://"+listen+"/readyz", 90*time.Second); err != nil {
		return err
	}
	access, err := engine.ReadAccess(data)
	if err != nil {
		return err
	}
	opened, err := store.Open(store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	if err != nil {
		return err
	}
	defer opened.Close()
	host, err := pluginhost.Start(ctx, c.Plugin, pluginhost.Options{})
	if err != nil {
		return err
	}
	defer host.Stop()

	told := &told{}
	plan, err := c.backfill(ctx, "http://"+listen+"/collect", told)
	if err != nil {
		return err
	}
	board, err := readBoard(c.Dashboard, access)
	if err != nil {
		return err
	}
	watched := &watched{sidecar: "http://" + listen, data: data, store: opened, host: host, board: board}
	sampling, stop := context.WithCancel(ctx)
	defer stop()
	var opening sync.WaitGroup
	opening.Go(func() { board.openAgain(sampling, host, c.Ask) })
	sampled := make(chan error, 1)
	go func() { sampled <- watched.sample(sampling, filepath.Join(c.Folder, "samples.csv"), c.Every) }()

	live, err := traffic.New(traffic.Config{Seed: 2, Anchor: time.Now(), Rate: c.Rate, Duration: c.For})
	if err != nil {
		return err
	}
	fmt.Printf("Soaking for %s at %.0f beacons a second; samples go to %s\n", c.For, c.Rate,
		filepath.Join(c.Folder, "samples.csv"))
	sent, err := (&traffic.Sender{URL: "http://" + listen + "/collect", Workers: 8, Record: told}).Send(ctx,
		live.Continuing(plan).Live(), true, func(s traffic.Summary, _ time.Time) { watched.acknowledged.Store(int64(s.Acknowledged)) })
	stop()
	opening.Wait()
	err = errors.Join(err, <-sampled, ctx.Err())
	fmt.Printf("%d beacons sent, %d acknowledged, %d refused, %d without an answer; acknowledged in %s (p99)\n",
		sent.Sent, sent.Acknowledged, sent.Rejected, sent.Errors, sent.Latency(0.99).Round(time.Millisecond))
	if sent.Acknowledged < sent.Sent {
		err = errors.Join(err, fmt.Errorf("%d beacons were not taken, the last one because %s",
			sent.Sent-sent.Acknowledged, sent.LastReason))
	}
	if failed := board.failed.Load() + watched.failed.Load(); failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d openings of the dashboard and samples failed; they are told of above", failed))
	}
	return errors.Join(err, told.compare(ctx, watched), judgeFile(filepath.Join(c.Folder, "samples.csv")))
}

// backfill sends the visits of the day before.
func (c *runCmd) backfill(ctx context.Context, collect string, told *told) (*traffic.Traffic, error) {
	plan, err := traffic.New(traffic.Config{Seed: 1, Anchor: time.Now(), Scenario: "checkout-regression",
		Backfill: 24 * time.Hour, Sessions: c.Sessions})
	if err != nil {
		return nil, err
	}
	if err := traffic.SendDeploys(ctx, collect, plan.Deploys()); err != nil {
		return nil, err
	}
	sent, err := (&traffic.Sender{URL: collect, Workers: 8, Record: told}).Send(ctx, plan.Past(), false, nil)
	if err == nil && sent.Acknowledged < sent.Sent {
		err = fmt.Errorf("send the day before: %d of %d beacons were not taken, the last one because %s",
			sent.Sent-sent.Acknowledged, sent.Sent, sent.LastReason)
	}
	return plan, err
}
