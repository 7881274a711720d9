package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/bench"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// sizes measures what browsers download.
func sizes(_ context.Context, r *run) (result bench.Result, err error) {
	table := bench.Table{What: "file", Columns: []bench.Column{{Name: "gzip -9, kB", Decimals: 1}, {Name: "as it is, kB", Decimals: 1}}}
	for _, f := range []struct {
		name, path, what string
		mark             float64
	}{{"the agent, `/agent.js`", "pkg/agent/built/agent.js", "the agent, gzip", 10}, {"the plugin's `module.js`", "dist/module.js",
		"module.js, gzip", 120}} {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return result, fmt.Errorf("%w; run `go tool mage build`", err)
		}
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err == nil {
			_, err = z.Write(text)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			return result, err
		}
		kilobytes := float64(zipped.Len()) / 1e3
		table.Add(f.name, kilobytes, float64(len(text))/1e3)
		result.Marks = append(result.Marks, bench.Mark{What: f.what, Mark: fmt.Sprintf("≤ %.0f kB", f.mark),
			Measured: fmt.Sprintf("%.1f kB", kilobytes), Reached: kilobytes <= f.mark})
	}
	result.Tables = append(result.Tables, table)
	r.say("done")
	return result, nil
}

// startUp measures a new installation's memory and how soon the plugin answers.
func startUp(ctx context.Context, r *run) (result bench.Result, err error) {
	binary, err := built("dist/gpx_sightline_rum_linux_*", "build")
	if err != nil {
		return result, err
	}
	s, err := startSidecar(ctx, r.folder, "sidecar")
	if err != nil {
		return result, err
	}
	defer s.stop()
	table := bench.Table{What: "the plugin's binary", Columns: []bench.Column{{Name: "its start, ms", Decimals: 0},
		{Name: "start to first answer, ms"}, {Name: "a second answer, ms"}}}
	for range 3 * r.repetitions {
		began := time.Now()
		host, err := pluginhost.Start(ctx, binary, pluginhost.Options{})
		if err != nil {
			return result, err
		}
		started := time.Since(began)
		_, err = s.ask(ctx, host, `{"queryType":"variable","dimension":"app"}`)
		answered := time.Since(began)
		again := time.Now()
		if err == nil {
			_, err = s.ask(ctx, host, `{"queryType":"variable","dimension":"app"}`)
		}
		second := time.Since(again)
		host.Stop()
		if err != nil {
			return result, err
		}
		table.Add("started like Grafana does", ms(started), ms(answered), ms(second))
	}
	result.Tables = append(result.Tables, table)
	first := table.Median("started like Grafana does", 1)
	result.Marks = append(result.Marks, bench.Mark{What: "plugin: binary start to first answered query", Mark: "≤ 150 ms",
		Measured: fmt.Sprintf("%.0f ms", first), Reached: first <= 150})
	return result, s.memory(ctx, r, &result)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// memory is that of the sidecar and its engine when idle, and after a day of the demo's shop.
func (s *sidecar) memory(ctx context.Context, r *run, result *bench.Result) error {
	table := bench.Table{What: "resident memory, MB", Columns: []bench.Column{{Name: "sidecar"}, {Name: "engine"}, {Name: "engine, at most"}}}
	read := func(name string) (float64, error) {
		own, _, err := bench.ResidentMB(s.pid())
		if err != nil {
			return 0, err
		}
		now, most, err := bench.ResidentMB(s.engine.PID)
		table.Add(name, own, now, most)
		return most, err
	}
	r.say("ten seconds of nothing")
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	idle, err := read("idle")
	if err != nil {
		return err
	}
	r.say("a day of the demo's shop")
	program, err := built("bin/sightline", "build")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, program, "simulate", "--to", s.url("/collect"), "--backfill", "24h", "--sessions", "5000",
		"--seed", "1", "--scenario", "checkout-regression").CombinedOutput()
	if err != nil {
		return fmt.Errorf("simulate a day: %w: %s", err, out)
	}
	if err := s.drained(ctx); err != nil {
		return err
	}
	day, err := read("after a day of 5,000 visits")
	if err != nil {
		return err
	}
	result.Tables = append(result.Tables, table)
	result.Marks = append(result.Marks,
		bench.Mark{What: "embedded engine, idle: memory at most", Mark: "≤ 350 MB", Measured: fmt.Sprintf("%.0f MB", idle), Reached: idle <= 350},
		bench.Mark{What: "embedded engine, under a day of the demo: memory at most", Mark: "≤ 1,500 MB",
			Measured: fmt.Sprintf("%.0f MB", day), Reached: day <= 1500})
	return nil
}

// ask asks the plugin about the last hour of the sidecar's store.
func (s *sidecar) ask(ctx context.Context, host *pluginhost.Host, query string) (backend.DataResponse, error) {
	settings, err := json.Marshal(map[string]any{"address": s.engine.Address, "username": s.engine.Reader.User, "minSamples": 1})
	if err != nil {
		return backend.DataResponse{}, err
	}
	now := time.Now()
	answer, err := host.QueryData(ctx, &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{PluginID: plugin.ID, User: &backend.User{Login: "admin", Role: "Admin"},
			DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "bench", JSONData: settings,
				DecryptedSecureJSONData: map[string]string{"password": s.engine.Reader.Password}}},
		Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(query), MaxDataPoints: 200, Interval: time.Minute,
			TimeRange: backend.TimeRange{From: now.Add(-time.Hour), To: now.Add(time.Minute)}}},
	})
	if err != nil {
		return backend.DataResponse{}, err
	}
	return answer.Responses["A"], answer.Responses["A"].Error
}

// freshness measures how long a beacon takes from its acknowledgement until the plugin answers with it, while others come.
func freshness(ctx context.Context, r *run) (result bench.Result, err error) {
	binary, err := built("dist/gpx_sightline_rum_linux_*", "build")
	if err != nil {
		return result, err
	}
	s, err := startSidecar(ctx, r.folder, "sidecar")
	if err != nil {
		return result, err
	}
	defer s.stop()
	host, err := pluginhost.Start(ctx, binary, pluginhost.Options{})
	if err != nil {
		return result, err
	}
	defer host.Stop()
	load, err := readPayload("01-page-load.json", 1)
	if err != nil {
		return result, err
	}
	probe, err := readPayload("02-layout-shift.json", 0)
	if err != nil {
		return result, err
	}
	const perSecond = 200
	loading, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- steady(loading, s.url("/collect"), load, perSecond) }()
	table := bench.Table{What: fmt.Sprintf("under %d beacons of %s a second", perSecond, load.name), Columns: []bench.Column{
		{Name: "accepted until answered, ms"}}}
	var all []float64
	for i := range 20 * r.repetitions {
		if i%20 == 0 {
			r.say("probe %d of %d", i+1, 20*r.repetitions)
		}
		took, err := s.seen(ctx, host, probe, i)
		if err != nil {
			stop()
			return result, err
		}
		all = append(all, ms(took))
	}
	stop()
	if err := <-ended; err != nil {
		return result, err
	}
	table.Add("p50", bench.Percentile(all, 0.5))
	table.Add("p99", bench.Percentile(all, 0.99))
	table.Add("the slowest of "+fmt.Sprint(len(all)), bench.Percentile(all, 1))
	result.Tables = append(result.Tables, table)
	p99 := bench.Percentile(all, 0.99)
	result.Marks = append(result.Marks, bench.Mark{What: "freshness: accepted until answered by the plugin, under load, p99", Mark: "≤ 5 s",
		Measured: fmt.Sprintf("%.1f s", p99/1e3), Reached: p99 <= 5000})
	return result, nil
}

// steady sends so many beacons a second until the context ends.
func steady(ctx context.Context, url string, p payload, perSecond int) error {
	ticker := time.NewTicker(time.Second / 10)
	defer ticker.Stop()
	for i := 0; ; i++ {
		if _, err := post(ctx, url, "application/json", bodies(p.faro, runName("load-", i), perSecond/10)); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// seen sends a beacon of an app of its own, and asks for that app's layout shifts until there is one.
func (s *sidecar) seen(ctx context.Context, host *pluginhost.Host, p payload, i int) (time.Duration, error) {
	app := fmt.Sprintf("probe%d", i)
	body := strings.Replace(string(bodies(p.faro, runName("probe-", i), 1)[0]), `"name":"shop"`, `"name":"`+app+`"`, 1)
	if _, err := post(ctx, s.url("/collect"), "application/json", [][]byte{[]byte(body)}); err != nil {
		return 0, err
	}
	accepted := time.Now()
	err := s.until(ctx, "the plugin answered with a beacon", func() (bool, error) {
		got, err := s.ask(ctx, host, `{"queryType":"vitals","metric":"cls","app":"`+app+`","environment":"production","format":"table"}`)
		return err == nil && len(got.Frames) > 0 && got.Frames[0].Rows() > 0, err
	})
	return time.Since(accepted), err
}
