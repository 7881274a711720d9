package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

// registerMetrics adds what Prometheus sees of the whole sidecar. What one part counts by itself is beside that part.
func (s *sidecar) registerMetrics() {
	s.registry.MustRegister(
		gauge("sightline_build_info", "1, labelled with the program's version and that of the tables it writes.",
			func() float64 { return 1 }, prometheus.Labels{"version": builtVersion(), "schema": fmt.Sprint(store.LatestVersion())}),
		gauge("sightline_disk_free_bytes", "Free space of the disk that the data folder lies on.", func() float64 {
			free, err := spool.FreeBytes(s.flags.Data)
			if err != nil {
				return -1
			}
			return float64(free)
		}, nil),
		gauge("sightline_erasures_unfinished", "Erasures that were asked for and are not verified yet.",
			func() float64 { return float64(s.erasures.Unfinished()) }, nil),
	)
	for name, lane := range s.lanes() {
		labels := prometheus.Labels{"store": name}
		s.registry.MustRegister(
			gauge("sightline_store_ready", "1 when beacons are stored, 0 while they wait in the spool.", func() float64 {
				if lane.waiting.Load() != nil {
					return 0
				}
				return 1
			}, labels),
			gauge("sightline_dead_letter_files", "Records in the folder of dead letters.", func() float64 {
				return countFiles(s.deadLettersOf()[name])
			}, labels),
		)
	}
	if s.flags.Clickhouse == "" {
		s.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{
			Namespace: "sightline_engine", PidFn: s.enginePID,
		}))
	}
}

// lanes are all stores by name; the main one's is "".
func (s *sidecar) lanes() map[string]*sidecar {
	all := map[string]*sidecar{"": s}
	for name, lane := range s.further {
		all[name] = lane
	}
	return all
}

// enginePID is the process of the embedded engine. While there is none, its metrics are absent.
func (s *sidecar) enginePID() (int, error) {
	access, err := engine.ReadAccess(s.flags.Data)
	return access.PID, err
}

// countFiles is 0 for a folder that is not there: it is made with its first file.
func countFiles(folder string) float64 {
	opened, err := os.Open(folder)
	if err != nil {
		return 0
	}
	defer opened.Close()
	names, err := opened.Readdirnames(-1)
	if err != nil {
		return -1
	}
	return float64(len(names))
}

// builtVersion is the module's version, or its commit where it was built from a working copy.
func builtVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "unknown"
}

func gauge(name, help string, value func() float64, labels prometheus.Labels) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
}
