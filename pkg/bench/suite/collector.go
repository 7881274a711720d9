package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// collectorConfig has what the exporter's documentation recommends: batches of thousands of rows, one consumer to an
// engine of two cores, and a full queue that makes clients wait, as refused beacons would spoil the figures. With the
// default time-out of 5 s, an insert that takes longer on a busy machine is sent again, and its rows are stored twice.
const collectorConfig = `receivers:
  otlp: {protocols: {http: {endpoint: "%[1]s"}}}
extensions:
  file_storage: {directory: "%[2]s", create_directory: true, fsync: true}
exporters:
  clickhouse:
    endpoint: "%[3]s"
    database: %[4]s
    async_insert: false
    timeout: 120s
    sending_queue:
      %[5]s
      sizer: items
      queue_size: 1000000
      num_consumers: 1
      block_on_overflow: true
      batch: {flush_timeout: 1s, min_size: 10000, max_size: 50000}
service:
  extensions: [%[6]s]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    logs: {receivers: [otlp], exporters: [clickhouse]}
`

// startCollector runs an OpenTelemetry Collector that stores in the sidecar's engine, in tables of its own making. With
// a durable queue, what it acknowledges is in a file.
func startCollector(ctx context.Context, folder, name string, durable bool, s *sidecar) (*process, *contestant, error) {
	program, err := built("bin/bench-collector", "benchCollector")
	if err != nil {
		return nil, nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	into := (&url.URL{Scheme: "http", Host: s.engine.Address, Path: "/",
		User: url.UserPassword(s.engine.Writer.User, s.engine.Writer.Password)}).String()
	database, storage, extensions := "otel_memory", "", ""
	if durable {
		database, storage, extensions = "otel_durable", "storage: file_storage", "file_storage"
	}
	config := filepath.Join(folder, database+".yaml")
	text := fmt.Sprintf(collectorConfig, listen, filepath.Join(folder, database), into, database, storage, extensions)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	p, err := start(name, filepath.Join(folder, database+".log"), program, "--config", config)
	if err != nil {
		return nil, nil, err
	}
	if err := p.listens(ctx, listen); err != nil {
		p.stop()
		return nil, nil, err
	}
	return p, &contestant{name: name, pid: p.pid(), engine: s.engine.PID, url: "http://" + listen + "/v1/logs",
		media: "application/json", body: func(p payload) string { return p.otlp },
		stored: p.grown(s, database+".otel_logs")}, nil
}

// grown waits until a table has so many rows more than when the last turn had ended, or even more: who sends rows again
// after a time-out has them twice.
func (p *process) grown(s *sidecar, table string) func(context.Context, int) error {
	before := 0.
	return func(ctx context.Context, rows int) error {
		return p.until(ctx, "all rows were in "+table, func() (bool, error) {
			there, err := s.count(ctx, "SELECT count() FROM "+table)
			if err != nil || there < before+float64(rows) {
				return false, err
			}
			before = there
			return true, nil
		})
	}
}
