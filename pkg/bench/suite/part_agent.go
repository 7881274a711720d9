package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// agentCost runs the browser's own measurement, and reads the table it prints.
func agentCost(ctx context.Context, r *run) (result bench.Result, err error) {
	r.say("pages in Chromium, contestants in turns")
	command := exec.CommandContext(ctx, "npm", "run", "--silent", "measure:agent")
	command.Env = append(os.Environ(), "CHROME_PATH="+cmp.Or(os.Getenv("CHROME_PATH"), "/usr/bin/chromium"),
		fmt.Sprintf("ROUNDS=%d", r.repetitions))
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return result, fmt.Errorf("npm run measure:agent: %w\n%s", err, said.String())
	}
	table := bench.Table{What: "medians", Columns: []bench.Column{{Name: "gzip, kB", Decimals: 1}, {Name: "at once, ms", Decimals: 1},
		{Name: "in four seconds, ms", Decimals: 1}, {Name: "longest piece, ms", Decimals: 1}, {Name: "tasks over 50 ms"}}}
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 6 || strings.HasPrefix(strings.TrimSpace(cells[1]), "-") {
			continue
		}
		var values []float64
		for _, cell := range cells[1:] {
			number := strings.Trim(strings.TrimSuffix(strings.TrimSpace(cell), " kB"), " *")
			value, err := strconv.ParseFloat(number, 64)
			if err != nil && number != "" {
				break // the heads of the columns
			}
			values = append(values, value)
		}
		if len(values) == 5 {
			table.Add(strings.TrimSpace(cells[0]), values...)
		}
	}
	const agent, faro = "the agent", "Faro Web SDK with tracing"
	atOnce, long := table.Median(agent, 1), table.Median(agent, 4)
	if len(table.Rows) < 3 {
		return result, fmt.Errorf("npm run measure:agent printed no table of three contestants:\n%s", out)
	}
	result.Tables = append(result.Tables, table)
	result.Marks = append(result.Marks, bench.Mark{What: "the agent's start on the main thread, at a quarter of the machine's speed",
		Mark: "< 20 ms, no long task", Measured: fmt.Sprintf("%.1f ms, %.0f long (Faro with tracing %.1f ms, %.0f)", atOnce, long,
			table.Median(faro, 1), table.Median(faro, 4)), Reached: atOnce < 20 && long == 0})
	return result, nil
}
