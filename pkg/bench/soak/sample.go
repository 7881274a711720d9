package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/store"
)

// watched is what is sampled, and where.
type watched struct {
	sidecar      string // address
	data         string
	store        *store.Store
	host         *pluginhost.Host
	board        *board
	acknowledged atomic.Int64
	failed       atomic.Int64
}

// sample writes a line of measures at this pace until the context ends.
func (w *watched) sample(ctx context.Context, path string, every time.Duration) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	defer file.Close()
	lines := csv.NewWriter(file)
	header := []string{"seconds"}
	for _, m := range measures {
		header = append(header, m.name)
	}
	_ = lines.Write(header) // Flush tells
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		values, err := w.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.failed.Add(1)
			fmt.Fprintf(os.Stderr, "%s sample: %v\n", time.Now().Format(time.TimeOnly), err)
			continue
		}
		line := []string{strconv.FormatFloat(time.Since(began).Seconds(), 'f', 1, 64)}
		for _, m := range measures {
			line = append(line, strconv.FormatFloat(values[m.name], 'f', -1, 64))
		}
		_ = lines.Write(line)
		if lines.Flush(); lines.Error() != nil {
			return fmt.Errorf("sample: %w", lines.Error())
		}
	}
}

// look takes one sample, by the measures' names.
func (w *watched) look(ctx context.Context) (map[string]float64, error) {
	text, err := get(ctx, w.sidecar+"/metrics")
	if err != nil {
		return nil, err
	}
	of := metrics(text)
	values := map[string]float64{
		"sidecar_memory_mib": of["process_resident_memory_bytes"] / (1 << 20), "sidecar_descriptors": of["process_open_fds"],
		"sidecar_goroutines": of["go_goroutines"], "sidecar_heap_mib": of["go_memstats_heap_inuse_bytes"] / (1 << 20),
		"spool_waiting": of["sightline_spool_records"], "acknowledged": float64(w.acknowledged.Load()),
		"dashboard_ms": float64(w.board.took.Load()),
	}
	if text, err = w.host.CollectMetrics(ctx); err != nil {
		return nil, err
	}
	of = metrics(text)
	values["plugin_memory_mib"] = of["process_resident_memory_bytes"] / (1 << 20)
	values["plugin_descriptors"], values["plugin_goroutines"] = of["process_open_fds"], of["go_goroutines"]
	access, err := engine.ReadAccess(w.data)
	if err != nil {
		return nil, err
	}
	if values["engine_memory_mib"], values["engine_threads"], err = memoryAndThreads(access.PID); err != nil {
		return nil, err
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", access.PID))
	if err != nil {
		return nil, fmt.Errorf("count the engine's descriptors: %w", err)
	}
	values["engine_descriptors"] = float64(len(descriptors))
	var active, all, rows uint64
	if err := w.store.Conn().QueryRow(ctx, `SELECT countIf(active), count(), sumIf(rows, active) FROM system.parts
		WHERE database = currentDatabase()`).Scan(&active, &all, &rows); err != nil {
		return nil, fmt.Errorf("count parts: %w", err)
	}
	values["parts"], values["parts_with_old"], values["rows"] = float64(active), float64(all), float64(rows)
	values["spool_mib"] = folderMiB(filepath.Join(w.data, "spool"))
	values["disk_mib"] = folderMiB(w.data)
	return values, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// metrics reads those without labels of Prometheus' text format.
func metrics(text []byte) map[string]float64 {
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if value, err := strconv.ParseFloat(fields[1], 64); err == nil {
			found[fields[0]] = value
		}
	}
	return found
}

// memoryAndThreads are a process' resident MiB and its threads, from Linux's /proc.
func memoryAndThreads(pid int) (mib, threads float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read a process' memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch value, _ := strconv.ParseFloat(fields[1], 64); fields[0] {
		case "VmRSS:":
			mib = value / 1024
		case "Threads:":
			threads = value
		}
	}
	return mib, threads, nil
}

// folderMiB is what the files of a folder take on the disk. Files that go away meanwhile are no error.
func folderMiB(folder string) float64 {
	var bytes int64
	_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() {
			return nil
		}
		if err == nil {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return float64(bytes) / (1 << 20)
}
