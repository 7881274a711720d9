package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// board is a dashboard as somebody opens it for the demo's shop: all panels at once, each a request of its own.
type board struct {
	panels   [][]json.RawMessage // the queries of each
	settings backend.DataSourceInstanceSettings
	took     atomic.Int64 // milliseconds of the last opening
	failed   atomic.Int64
}

func readBoard(path string, access engine.Access) (*board, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	var file struct {
		Panels []struct {
			Targets []map[string]any
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read the dashboard %s: %w", path, err)
	}
	settings, err := json.Marshal(map[string]any{"address": access.Address, "username": access.Reader.User,
		"defaultApp": "shop"})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard %s: %w", path, err)
	}
	b := &board{settings: backend.DataSourceInstanceSettings{UID: "sightline", JSONData: settings,
		DecryptedSecureJSONData: map[string]string{"password": access.Reader.Password}}}
	for _, panel := range file.Panels {
		var queries []json.RawMessage
		for _, target := range panel.Targets {
			query, err := json.Marshal(filled(target))
			if err != nil {
				return nil, fmt.Errorf("read the dashboard %s: %w", path, err)
			}
			queries = append(queries, query)
		}
		if len(queries) > 0 {
			b.panels = append(b.panels, queries)
		}
	}
	if len(b.panels) == 0 {
		return nil, fmt.Errorf("read the dashboard %s: no panel of it asks anything", path)
	}
	return b, nil
}

// filled puts in the variables as they are when the dashboard is opened: one app and environment, and All of what is
// filtered by.
func filled(target map[string]any) map[string]any {
	query := map[string]any{}
	for key, value := range target {
		switch {
		case key == "datasource":
		case value == "$app":
			query[key] = "shop"
		case value == "$environment":
			query[key] = "production"
		case key == "filters":
			filters, _ := value.([]any)
			query[key] = slices.DeleteFunc(slices.Clone(filters), func(filter any) bool {
				text, err := json.Marshal(filter)
				return err == nil && strings.Contains(string(text), `"$`)
			})
		default:
			query[key] = value
		}
	}
	return query
}

// openAgain opens the dashboard at this pace until the context ends. Errors are told of and counted: a soak goes on.
func (b *board) openAgain(ctx context.Context, host *pluginhost.Host, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		began := time.Now()
		if err := b.open(ctx, host); err != nil && ctx.Err() == nil {
			b.failed.Add(1)
			fmt.Fprintf(os.Stderr, "%s open the dashboard: %v\n", time.Now().Format(time.TimeOnly), err)
		}
		b.took.Store(time.Since(began).Milliseconds())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (b *board) open(ctx context.Context, host *pluginhost.Host) error {
	now := time.Now()
	failed := make([]error, len(b.panels))
	var asking sync.WaitGroup
	for i, queries := range b.panels {
		request := &backend.QueryDataRequest{PluginContext: backend.PluginContext{PluginID: plugin.ID,
			User: &backend.User{Login: "soak", Role: "Editor"}, DataSourceInstanceSettings: &b.settings}}
		for _, query := range queries {
			request.Queries = append(request.Queries, backend.DataQuery{RefID: fmt.Sprint(len(request.Queries)), JSON: query,
				MaxDataPoints: 400, Interval: 5 * time.Minute, TimeRange: backend.TimeRange{From: now.Add(-24 * time.Hour), To: now}})
		}
		asking.Go(func() {
			answer, err := host.QueryData(ctx, request)
			if err != nil {
				failed[i] = err
				return
			}
			for _, one := range answer.Responses {
				failed[i] = errors.Join(failed[i], one.Error)
			}
		})
	}
	asking.Wait()
	return errors.Join(failed...)
}
