package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The plain receivers are what one would write in an afternoon: they take OTLP logs, and insert them as JSONEachRow into
// a table like the Collector's. One inserts each beacon before it is acknowledged; the other acknowledges at once,
// inserts all of a second together, and loses that second when it dies.

// plainTable is the Collector's own, without the columns that nothing here fills.
const plainTable = `CREATE TABLE IF NOT EXISTS %s (
  Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)), EventName String CODEC(ZSTD(1)), ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), ScopeName String CODEC(ZSTD(1)),
  LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)`

// otlpLogs is what of an OTLP payload the plain receivers read.
type otlpLogs struct {
	ResourceLogs []struct {
		Resource  struct{ Attributes []otlpAttribute }
		ScopeLogs []struct {
			Scope      struct{ Name string }
			LogRecords []struct {
				TimeUnixNano string
				EventName    string
				Attributes   []otlpAttribute
			}
		}
	}
}

type otlpAttribute struct {
	Key   string
	Value struct {
		StringValue *string
		DoubleValue *float64
	}
}

// plainRow is a line of JSONEachRow.
type plainRow struct {
	Timestamp          string
	EventName          string
	ServiceName        string
	ResourceAttributes map[string]string
	ScopeName          string
	LogAttributes      map[string]string
}

func plainRows(body io.Reader, to io.Writer) error {
	var logs otlpLogs
	if err := json.NewDecoder(body).Decode(&logs); err != nil {
		return err
	}
	out := json.NewEncoder(to)
	for _, resource := range logs.ResourceLogs {
		about := plainMap(resource.Resource.Attributes)
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				nanos, err := strconv.ParseInt(record.TimeUnixNano, 10, 64)
				if err != nil {
					return err
				}
				err = out.Encode(plainRow{Timestamp: fmt.Sprintf("%d.%09d", nanos/1e9, nanos%1e9), EventName: record.EventName,
					ServiceName: about["service.name"], ResourceAttributes: about, ScopeName: scope.Scope.Name,
					LogAttributes: plainMap(record.Attributes)})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func plainMap(attributes []otlpAttribute) map[string]string {
	all := make(map[string]string, len(attributes))
	for _, a := range attributes {
		switch {
		case a.Value.StringValue != nil:
			all[a.Key] = *a.Value.StringValue
		case a.Value.DoubleValue != nil:
			all[a.Key] = strconv.FormatFloat(*a.Value.DoubleValue, 'g', -1, 64)
		}
	}
	return all
}

// plain is a running plain receiver.
type plain struct {
	into    string
	batches chan []byte // nil where each beacon is inserted by itself
}

// servePlain is `suite plain --listen ADDR --into URL --table NAME [--batched]`, without --into one that keeps nothing: a program of its own, so that its
// processor time can be told from the load's.
func servePlain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("plain", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	into := flags.String("into", "", "the store's address, user and password included")
	table := flags.String("table", "", "table to insert into")
	batched := flags.Bool("batched", false, "acknowledge at once and insert every second")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *into == "" {
		return serve(ctx, *listen, http.HandlerFunc(discard))
	}
	p := &plain{into: *into + "/?query=" + url.QueryEscape("INSERT INTO "+*table+" FORMAT JSONEachRow")}
	if *batched {
		p.batches = make(chan []byte, 256)
		go p.insertEverySecond()
	}
	return serve(ctx, *listen, p)
}

func serve(ctx context.Context, listen string, handler http.Handler) error {
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// discard is the least that a server of Go's own can do: the bound for everything that is built on it.
func discard(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusAccepted)
}

func (p *plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var rows bytes.Buffer
	err := plainRows(r.Body, &rows)
	if err == nil && p.batches == nil {
		err = p.insert(&rows)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if p.batches != nil {
		p.batches <- rows.Bytes()
	}
	w.WriteHeader(http.StatusAccepted)
}

func (p *plain) insertEverySecond() {
	var rows bytes.Buffer
	second := time.NewTicker(time.Second)
	for {
		select {
		case more := <-p.batches:
			rows.Write(more)
		case <-second.C:
			if rows.Len() == 0 {
				continue
			}
			if err := p.insert(&rows); err != nil {
				log.Print("lost a second of beacons: ", err)
			}
			rows.Reset()
		}
	}
}

func (p *plain) insert(rows io.Reader) error {
	response, err := http.Post(p.into, "application/x-ndjson", rows)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the store answered %s: %s", response.Status, answer)
	}
	return err
}

// startPlain runs a plain receiver that stores in the sidecar's engine.
func startPlain(ctx context.Context, folder, name string, batched bool, s *sidecar) (*process, *contestant, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	table := fmt.Sprintf("plain_%t", batched)
	if err := s.store.Conn().Exec(ctx, fmt.Sprintf(plainTable, table)); err != nil {
		return nil, nil, err
	}
	into := (&url.URL{Scheme: "http", Host: s.engine.Address,
		User: url.UserPassword(s.engine.Writer.User, s.engine.Writer.Password)}).String()
	p, err := start(name, filepath.Join(folder, table+".log"), program, "plain", "--listen", listen, "--into", into,
		"--table", strings.TrimSpace(s.engine.Database+"."+table), fmt.Sprintf("--batched=%t", batched))
	if err != nil {
		return nil, nil, err
	}
	if err := p.listens(ctx, listen); err != nil {
		p.stop()
		return nil, nil, err
	}
	return p, &contestant{name: name, pid: p.pid(), engine: s.engine.PID, url: "http://" + listen, media: "application/json",
		body: func(p payload) string { return p.otlp }, stored: p.grown(s, table)}, nil
}

// startBare runs a server that takes beacons and keeps nothing.
func startBare(ctx context.Context, folder string) (*contestant, *process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	p, err := start(bareServer, filepath.Join(folder, "bare.log"), program, "plain", "--listen", listen)
	if err != nil {
		return nil, nil, err
	}
	if err := p.listens(ctx, listen); err != nil {
		p.stop()
		return nil, nil, err
	}
	return &contestant{name: bareServer, pid: p.pid(), url: "http://" + listen, media: "application/json",
		body:   func(p payload) string { return p.faro },
		stored: func(context.Context, int) error { return nil }}, p, nil
}
