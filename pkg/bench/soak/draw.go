package main

import (
	"fmt"
	"path/filepath"

	"github.com/sightline-rum/sightline/pkg/bench"
)

type drawCmd struct {
	Folder string `required:"" help:"Folder of the samples."`
	Into   string `default:"docs/img" help:"Folder for the pictures, soak-*.svg."`
}

var pictures = []struct {
	file, title, unit string
	lines             []string
}{
	{"soak-memory.svg", "Memory", "resident MiB", []string{"sidecar_memory_mib", "engine_memory_mib", "plugin_memory_mib"}},
	{"soak-handles.svg", "Descriptors and goroutines", "count", []string{"sidecar_descriptors", "sidecar_goroutines",
		"plugin_descriptors", "plugin_goroutines", "engine_threads"}},
	{"soak-parts.svg", "Parts and the engine's descriptors", "count", []string{"parts", "parts_with_old", "engine_descriptors"}},
	{"soak-disk.svg", "On disk", "MiB", []string{"disk_mib", "spool_mib"}},
	{"soak-dashboard.svg", "The Experience dashboard, all panels at once", "ms", []string{"dashboard_ms"}},
}

// Run draws and judges.
func (c *drawCmd) Run() error {
	samples := filepath.Join(c.Folder, "samples.csv")
	columns, err := readSamples(samples)
	if err != nil {
		return err
	}
	hours := make([]float64, len(columns["seconds"]))
	for i, seconds := range columns["seconds"] {
		hours[i] = seconds / 3600
	}
	for _, p := range pictures {
		chart := bench.Chart{Title: p.title, X: "hours", Y: p.unit}
		for _, name := range p.lines {
			chart.Lines = append(chart.Lines, bench.Line{Name: name, X: hours, Y: columns[name]})
		}
		path := filepath.Join(c.Into, p.file)
		if err := chart.Write(path); err != nil {
			return err
		}
		fmt.Println("Drew " + path)
	}
	return judge(columns)
}
