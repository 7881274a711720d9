package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// Result is what one part of the suite measured. It is kept as a file, from which the page is written again whenever
// another part has run. Words are not kept with it: they are those of the program that writes the page.
type Result struct {
	Part    string   `json:"part"`
	Title   string   `json:"-"`
	About   string   `json:"-"` // what was done, and how to read it
	Command string   `json:"command"`
	Machine Machine  `json:"machine"`
	Tables  []Table  `json:"tables"`
	Marks   []Mark   `json:"marks,omitempty"`
	Charts  []Figure `json:"charts,omitempty"`
	Bars    *Bars    `json:"-"`              // a measure of all tables that have its column
	Note    string   `json:"note,omitempty"` // of this measurement alone
	Notes   []string `json:"-"`              // what stands in the way of a mark, and what else has to be known
}

// Table is a contest: a row for each contestant, with all its repetitions.
type Table struct {
	What    string   `json:"what"` // heads the first column
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Column is one measure, with its unit in its name.
type Column struct {
	Name     string `json:"name"`
	Decimals int    `json:"decimals,omitempty"`
}

// Row is what a contestant was measured at: the repetitions of each column. A column without any is left empty.
type Row struct {
	Name   string      `json:"name"`
	Values [][]float64 `json:"values"`
}

// Mark is what was to be reached, beside what was.
type Mark struct {
	What     string `json:"what"`
	Mark     string `json:"mark"`
	Measured string `json:"measured"`
	Reached  bool   `json:"reached"`
	Smaller  bool   `json:"smaller,omitempty"` // measured on less than the mark is for, which says nothing of it
}

// Figure is a chart and the file in docs/img that it is drawn into.
type Figure struct {
	File  string `json:"file"`
	Alt   string `json:"alt"`
	Chart Chart  `json:"chart"`
}

// Add adds a repetition: one value for each column of the table, NaN where nothing was measured.
func (t *Table) Add(name string, values ...float64) {
	at := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == name })
	if at < 0 {
		at = len(t.Rows)
		t.Rows = append(t.Rows, Row{Name: name, Values: make([][]float64, len(t.Columns))})
	}
	for i, value := range values {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			t.Rows[at].Values[i] = append(t.Rows[at].Values[i], value)
		}
	}
}

// Median of a contestant's column; NaN when it has none.
func (t *Table) Median(name string, column int) float64 {
	for _, row := range t.Rows {
		if row.Name == name {
			return Median(row.Values[column])
		}
	}
	return math.NaN()
}

// Median of an even number of values is the mean of the two in the middle, and that of none is NaN.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Percentile by nearest rank; p is between 0 and 1, and that of no values is NaN.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// Save keeps the result as <part>.json in the folder.
func (r Result) Save(folder string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("keep the figures of %s: %w", r.Part, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep the figures of %s: %w", r.Part, err)
	}
	if err := os.WriteFile(filepath.Join(folder, r.Part+".json"), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep the figures of %s: %w", r.Part, err)
	}
	return nil
}

// Load reads the result of a part, and says whether there is one.
func Load(folder, part string) (Result, bool, error) {
	var r Result
	text, err := os.ReadFile(filepath.Join(folder, part+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("read the figures of %s: %w; remove the file and run the part again", part, err)
	}
	return r, true, nil
}
