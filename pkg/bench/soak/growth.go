package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// measure is a column of the samples. What is judged must not grow: its median over the last quarter of the time may be
// by a share and a slack above that over the quarter before. The slack is what one garbage collection, one merge or one
// file more comes to. Rows and what they take on the disk grow by their nature and are only drawn.
type measure struct {
	name   string
	judged bool
	slack  float64
}

const allowedShare = 0.05

var measures = []measure{
	{"sidecar_memory_mib", true, 16}, {"sidecar_heap_mib", true, 16}, {"sidecar_descriptors", true, 8},
	{"sidecar_goroutines", true, 8},
	{"engine_memory_mib", true, 48}, {"engine_descriptors", true, 24}, {"engine_threads", true, 8},
	{"plugin_memory_mib", true, 16}, {"plugin_descriptors", true, 8}, {"plugin_goroutines", true, 8},
	{"parts", true, 40}, {"parts_with_old", true, 400}, {"spool_waiting", true, 500}, {"spool_mib", true, 64},
	{"dashboard_ms", false, 0}, {"disk_mib", false, 0}, {"rows", false, 0}, {"acknowledged", false, 0},
}

// growth compares the medians of the third and the last quarter of a measure.
func growth(values []float64) (before, last float64) {
	quarter := len(values) / 4
	return median(values[len(values)-2*quarter : len(values)-quarter]), median(values[len(values)-quarter:])
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// judge prints each measure over time and returns an error that names those that grew.
func judge(columns map[string][]float64) error {
	var grown []error
	fmt.Printf("%-20s %10s %10s %10s %10s\n", "", "first", "highest", "3rd quarter", "last quarter")
	for _, m := range measures {
		values := columns[m.name]
		if len(values) < 8 {
			return fmt.Errorf("judge: %d samples are too few, 8 are needed", len(values))
		}
		before, last := growth(values)
		verdict := ""
		if m.judged && last > before*(1+allowedShare)+m.slack {
			verdict = "grew"
			grown = append(grown, fmt.Errorf("%s grew from %.0f to %.0f", m.name, before, last))
		}
		fmt.Printf("%-20s %10.0f %10.0f %10.0f %10.0f  %s\n", m.name, values[0], slices.Max(values), before, last, verdict)
	}
	return errors.Join(grown...)
}

func judgeFile(path string) error {
	columns, err := readSamples(path)
	if err != nil {
		return err
	}
	return judge(columns)
}

// readSamples returns the columns of a CSV file by their names.
func readSamples(path string) (map[string][]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the samples: %w", err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the samples %s: %w", path, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("read the samples %s: the file is empty", path)
	}
	columns := map[string][]float64{}
	for _, line := range lines[1:] {
		for i, name := range lines[0] {
			value, err := strconv.ParseFloat(line[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read the samples %s: %w", path, err)
			}
			columns[name] = append(columns[name], value)
		}
	}
	return columns, nil
}
