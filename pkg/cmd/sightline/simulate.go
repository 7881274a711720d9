package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// simulateCmd sends the visits of a simulated shop to a sidecar.
type simulateCmd struct {
	To       string        `default:"http://127.0.0.1:8787/collect" placeholder:"URL" help:"The sidecar's Faro endpoint."`
	Scenario string        `default:"steady" enum:"steady,checkout-regression" help:"steady, or checkout-regression: a release two and a half hours ago broke the checkout on iPhones."`
	Backfill time.Duration `placeholder:"24h" help:"First send the visits of this long before now, each at its own time, as fast as they are taken."`
	Sessions int           `default:"4000" help:"How many visits a backfill holds."`
	Rate     float64       `default:"20" help:"Beacons a second of live traffic, on average. With a backfill live traffic needs --duration or --live."`
	Duration time.Duration `help:"End live traffic after this long; without it, Ctrl-C does."`
	Live     bool          `help:"After a backfill, go on with live traffic until Ctrl-C."`
	Seed     uint64        `help:"The same seed and --anchor send the same beacons. By default each run differs."`
	Anchor   time.Time     `placeholder:"TIME" help:"The moment taken as now by a backfill (RFC 3339)."`
	App      string        `default:"shop" help:"App name in the beacons."`
	Env      string        `default:"production" help:"Environment in the beacons."`
	Workers  int           `default:"8" help:"Parallel connections."`
	DryRun   bool          `name:"dry-run" aliases:"print" help:"Send nothing; print the payloads to standard output, one a line."`
	Record   string        `type:"path" placeholder:"FILE" help:"Write the truth of every beacon sent, and whether it was acknowledged, as one line of JSON each."`
}

// Run plans the visits, sends them, and says what became of them.
func (c *simulateCmd) Run(ctx context.Context) error {
	config := traffic.Config{Seed: c.Seed, Anchor: c.Anchor, Scenario: c.Scenario, App: c.App, Environ: c.Env}
	if config.Seed == 0 {
		config.Seed = rand.Uint64()
	}
	if config.Anchor.IsZero() {
		config.Anchor = time.Now()
	}
	if c.Backfill > 0 {
		config.Backfill, config.Sessions = c.Backfill, c.Sessions
	}
	if c.Backfill == 0 || c.Live || c.Duration > 0 {
		config.Rate, config.Duration = c.Rate, c.Duration
	}
	plan, err := traffic.New(config)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.print(ctx, plan)
	}

	sender := &traffic.Sender{URL: c.To, Workers: c.Workers}
	var recording *recording
	if c.Record != "" {
		if recording, err = createRecording(c.Record); err != nil {
			return err
		}
		defer recording.file.Close()
		sender.Record = recording.buffer
	}
	fmt.Fprintf(os.Stderr, "Simulating a shop's visitors (%s, seed %d) for %s\n", c.Scenario, config.Seed, c.To)
	err = errors.Join(c.send(ctx, plan, config, sender), recording.close())
	if incident := plan.Incident(); incident != nil && err == nil {
		fmt.Fprintf(os.Stderr, "The incident: since %s release %s is slow at %s and throws %q for some on %s (%s).\n",
			incident.Onset.Local().Format("15:04:05"), incident.Release, incident.Route, incident.ErrorMessage,
			incident.Browser, incident.Device)
	}
	return err
}

func (c *simulateCmd) send(ctx context.Context, plan *traffic.Traffic, config traffic.Config,
	sender *traffic.Sender) error {
	if deploys := plan.Deploys(); len(deploys) > 0 {
		err := traffic.SendDeploys(ctx, c.To, deploys)
		if errors.Is(err, traffic.ErrNoAdmin) {
			// The visits tell of the releases, too; only the moment of the deploy is less exact.
			fmt.Fprintf(os.Stderr, "Going on without deploy markers: %v\n", err)
		} else if err != nil {
			return fmt.Errorf("%w\nIs the sidecar running? Start it with: sightline serve", err)
		}
	}
	if config.Sessions > 0 {
		shown := newProgress(os.Stderr, fmt.Sprintf("Backfill of %s", shortDuration(config.Backfill)))
		done, err := sender.Send(ctx, plan.Past(), false, func(s traffic.Summary, at time.Time) {
			shown.show(1-plan.Anchor().Sub(at).Seconds()/config.Backfill.Seconds(), fmt.Sprintf("%d beacons, %.0f/s",
				s.Acknowledged, s.Rate()))
		})
		shown.clear()
		if err := sendResult(os.Stderr, "Backfill", done, err); err != nil || ctx.Err() != nil {
			return err
		}
	}
	if config.Rate == 0 {
		return nil
	}
	// Live traffic happens now: a backfill may have taken a while.
	if c.Anchor.IsZero() {
		config.Anchor, config.Backfill, config.Sessions = time.Now(), 0, 0
		now, err := traffic.New(config)
		if err != nil {
			return err
		}
		plan = now.Continuing(plan)
	}
	shown := newProgress(os.Stderr, "Live traffic")
	done, err := sender.Send(ctx, plan.Live(), true, func(s traffic.Summary, _ time.Time) {
		share := -1.0
		if c.Duration > 0 {
			share = s.Took.Seconds() / c.Duration.Seconds()
		}
		shown.show(share, fmt.Sprintf("%d beacons, %.0f/s, p99 %s", s.Acknowledged, s.Rate(), shortDuration(s.Latency(0.99))))
	})
	shown.clear()
	return sendResult(os.Stderr, "Live traffic", done, err)
}

// print writes payloads instead of sending them.
func (c *simulateCmd) print(ctx context.Context, plan *traffic.Traffic) error {
	out := bufio.NewWriter(os.Stdout)
	for _, beacons := range []iter.Seq[traffic.Beacon]{plan.Past(), plan.Live()} {
		for b := range beacons {
			if ctx.Err() != nil {
				break
			}
			if _, err := out.Write(append(b.Body, '\n')); err != nil {
				return fmt.Errorf("print beacons: %w", err)
			}
		}
	}
	return out.Flush()
}

// sendResult prints what became of the beacons; it is an error when any was not acknowledged.
func sendResult(out io.Writer, what string, s traffic.Summary, err error) error {
	fmt.Fprintf(out, "%s: %d beacons sent, %d acknowledged (%d items), %d rejected, %d errors, %d retries\n"+
		"%s: %.0f beacons/s acknowledged over %s; time to the acknowledgement p50 %s, p99 %s\n",
		what, s.Sent, s.Acknowledged, s.Items, s.Rejected, s.Errors, s.Retries,
		strings.Repeat(" ", len(what)), s.Rate(), shortDuration(s.Took), shortDuration(s.Latency(0.5)),
		shortDuration(s.Latency(0.99)))
	if err != nil {
		return err
	}
	switch {
	case s.Acknowledged == 0 && s.Errors > 0:
		return fmt.Errorf("no beacon was taken: %s\nIs the sidecar running? Start it with: sightline serve", s.LastReason)
	case s.Rejected+s.Errors > 0:
		return fmt.Errorf("%d beacons were not taken; the last one because %s", s.Rejected+s.Errors, s.LastReason)
	}
	return nil
}

// recording is the file of --record.
type recording struct {
	file   *os.File
	buffer *bufio.Writer
}

func createRecording(path string) (*recording, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the recording: %w", err)
	}
	return &recording{file: file, buffer: bufio.NewWriterSize(file, 1<<16)}, nil
}

func (r *recording) close() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.buffer.Flush(), r.file.Close())
}

// progress shows how far something is: one line that is drawn over at a terminal, a line every few seconds elsewhere.
type progress struct {
	out      io.Writer
	name     string
	terminal bool
	last     time.Time
	drawn    bool
}

func newProgress(out *os.File, name string) *progress {
	return &progress{out: out, name: name, terminal: isatty.IsTerminal(out.Fd())}
}

// show draws a share between 0 and 1 with a note; a negative share is unknown.
func (p *progress) show(share float64, note string) {
	interval := 5 * time.Second
	if p.terminal {
		interval = 100 * time.Millisecond
	}
	if time.Since(p.last) < interval {
		return
	}
	if p.last.IsZero() && !p.terminal {
		p.last = time.Now() // the first line says more after a while
		return
	}
	p.last, p.drawn = time.Now(), true
	share = min(1, share)
	switch {
	case !p.terminal && share >= 0:
		fmt.Fprintf(p.out, "%s: %.0f %%, %s\n", p.name, share*100, note)
	case !p.terminal:
		fmt.Fprintf(p.out, "%s: %s\n", p.name, note)
	case share < 0:
		fmt.Fprintf(p.out, "\r\x1b[2K%s: %s", p.name, note)
	default:
		const width = 30
		full := int(share * width)
		fmt.Fprintf(p.out, "\r\x1b[2K%s %s%s %3.0f %%  %s", p.name, strings.Repeat("█", full), strings.Repeat("░",
			width-full), share*100, note)
	}
}

// clear makes room for what is printed next.
func (p *progress) clear() {
	if p.terminal && p.drawn {
		fmt.Fprint(p.out, "\r\x1b[2K")
	}
}

// shortDuration leaves out what nobody reads: 24h, 1m12s, 4.2s, 3.1ms.
func shortDuration(d time.Duration) string {
	round := time.Second
	switch {
	case d < time.Millisecond:
		round = 10 * time.Microsecond
	case d < time.Second:
		round = 100 * time.Microsecond
	case d < time.Minute:
		round = 100 * time.Millisecond
	}
	text := d.Round(round).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
