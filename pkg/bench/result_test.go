package bench

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMediansAndPercentiles(t *testing.T) {
	require.True(t, math.IsNaN(Median(nil)))
	require.Equal(t, 2., Median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 2, 3}))
	require.True(t, math.IsNaN(Percentile(nil, 0.99)))
	require.Equal(t, 1., Percentile([]float64{2, 1}, 0))
	require.Equal(t, 99., Percentile(hundred(), 0.99))
	require.Equal(t, 100., Percentile(hundred(), 1))
}

func hundred() (values []float64) {
	for i := range 100 {
		values = append(values, float64(100-i))
	}
	return values
}

func TestWhatWasNotMeasuredIsNoValue(t *testing.T) {
	table := Table{What: "who", Columns: []Column{{Name: "a"}, {Name: "b"}}}
	table.Add("ours", 1, math.NaN())
	table.Add("theirs", math.Inf(1), 4)
	table.Add("ours", 3, 5)
	require.Equal(t, []Row{{"ours", [][]float64{{1, 3}, {5}}}, {"theirs", [][]float64{nil, {4}}}}, table.Rows)
	require.Equal(t, 2., table.Median("ours", 0))
	require.True(t, math.IsNaN(table.Median("nobody", 0)))
}

func TestFiguresAreKeptAndReadAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "benchmarks")
	_, found, err := Load(folder, "ingest")
	require.NoError(t, err)
	require.False(t, found)
	kept := Result{Part: "ingest", Machine: ThisMachine(),
		Tables: []Table{{What: "who", Columns: []Column{{"a", 1}}, Rows: []Row{{"ours", [][]float64{{1.5}}}}}}}
	require.NoError(t, kept.Save(folder))
	read, found, err := Load(folder, "ingest")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, kept, read)

	require.NoError(t, os.WriteFile(filepath.Join(folder, "insert.json"), []byte("{"), 0o600))
	_, _, err = Load(folder, "insert")
	require.ErrorContains(t, err, "insert")
	require.ErrorContains(t, err, "run the part again")
}

func TestThePageHasEveryPartWithItsMachineAndItsMarks(t *testing.T) {
	folder := t.TempDir()
	part := Result{Part: "growth", Title: "Rows & growth", About: "How it grows.", Command: "BENCH=growth go tool mage bench",
		Machine: Machine{CPU: "a processor", Cores: 2, Load: 3.25, Commit: "abc1234"},
		Tables: []Table{{What: "who", Columns: []Column{{Name: "rows"}, {Name: "ms", Decimals: 1}},
			Rows: []Row{{"ours", [][]float64{{1_234_567, 1_200_000, 1_300_000}, {0.25}}}, {"theirs", [][]float64{{-5000}, nil}}}}},
		Marks: []Mark{{What: "speed", Mark: "≥ 2", Measured: "3", Reached: true}, {What: "size", Mark: "≤ 2", Measured: "3"},
			{What: "scale", Mark: "≤ 2 at 20M", Measured: "1", Reached: true, Smaller: true}},
		Charts: []Figure{{File: "growth.svg", Alt: "It grows", Chart: Chart{Title: "Growth",
			Lines: []Line{{Name: "ours", X: []float64{1, 2}, Y: []float64{1, 2}}}}}},
		Notes: []string{"The disk stands in the way."}}
	page := filepath.Join(folder, "benchmarks.md")
	require.NoError(t, WritePage(page, folder, []Result{part}))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, line := range []string{
		"| [growth](#rows--growth) | speed | ≥ 2 | 3 | reached | 3.2 |",
		"| [growth](#rows--growth) | size | ≤ 2 | 3 | **missed** | 3.2 |",
		"| [growth](#rows--growth) | scale | ≤ 2 at 20M | 1 | on less: open | 3.2 |",
		"`BENCH=growth go tool mage bench` — a processor, 2 cores",
		"commit abc1234, load average 3.2 when it began",
		"| who | rows | ms |\n|---|---|---|\n| ours | 1,234,567 (1,200,000 – 1,300,000) | 0.2 |\n| theirs | -5,000 |  |",
		"![It grows](img/growth.svg)",
		"- The disk stands in the way.",
	} {
		require.Contains(t, string(text), line)
	}
	require.FileExists(t, filepath.Join(folder, "growth.svg"))
}

func TestAProcessIsMeasured(t *testing.T) {
	used, err := CPUSeconds(os.Getpid())
	if err != nil {
		t.Skip("processor time is read from /proc, which only Linux has")
	}
	require.GreaterOrEqual(t, used, 0.)
	now, most, err := ResidentMB(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, most, now)
	_, err = CPUSeconds(1 << 30)
	require.ErrorContains(t, err, "process 1073741824")
}
