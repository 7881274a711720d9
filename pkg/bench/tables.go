package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// TableUnder is the first table under a heading of a Markdown text, its head first. What is drawn is read from the documents,
// so that a picture never says anything else than the table above it.
func TableUnder(markdown, heading string) ([][]string, error) {
	_, under, found := strings.Cut(markdown, "# "+heading+"\n")
	if !found {
		return nil, fmt.Errorf("no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(under) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "|"):
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			rows = append(rows, cells)
		case strings.HasPrefix(line, "#"), len(rows) > 0:
			if len(rows) == 0 {
				return nil, fmt.Errorf("no table under %q", heading)
			}
			return rows, nil
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no table under %q", heading)
	}
	return rows, nil
}

// Number is a cell's figure without its unit: "1,450 ms" is 1450.
func Number(cell string) (float64, error) {
	figure, _, _ := strings.Cut(strings.ReplaceAll(cell, ",", ""), " ")
	n, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no figure", cell)
	}
	return n, nil
}
