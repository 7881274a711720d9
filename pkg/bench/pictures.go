package bench

import (
	"fmt"
	"os"
	"path/filepath"
)

// pictures are the tables of docs/measures.md that are drawn: the first column is x, each other one a curve.
var pictures = []struct {
	file, heading, title, y string
}{
	{"growth-history.svg", "As history grows", "The same week's dashboard, and single visits, as history grows",
		"processor time of the engine, ms"},
	{"growth-traffic.svg", "As traffic grows", "Four weeks' dashboard as traffic grows", "processor time of the engine, ms"},
}

// Draw draws the tables of a docs folder's measures.md into another folder, and returns the files.
func Draw(docs, into string) (files []string, err error) {
	text, err := os.ReadFile(filepath.Join(docs, "measures.md"))
	if err != nil {
		return nil, fmt.Errorf("draw measures: %w", err)
	}
	for _, picture := range pictures {
		rows, err := TableUnder(string(text), picture.heading)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", picture.file, err)
		}
		chart := Chart{Title: picture.title, X: rows[0][0], Y: picture.y, LogX: true}
		for column := 1; column < len(rows[0]); column++ {
			line := Line{Name: rows[0][column], Dashed: rows[0][column] == "from rows"}
			for _, row := range rows[1:] {
				x, err := Number(row[0])
				if err != nil {
					return nil, fmt.Errorf("draw %s: %w", picture.file, err)
				}
				y, err := Number(row[column])
				if err != nil {
					return nil, fmt.Errorf("draw %s: %w", picture.file, err)
				}
				line.X, line.Y = append(line.X, x), append(line.Y, y)
			}
			chart.Lines = append(chart.Lines, line)
		}
		path := filepath.Join(into, picture.file)
		if err := chart.Write(path); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}
