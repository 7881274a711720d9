package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// question is one thing an engineer on call asks, with what the answer tells.
type question struct {
	ask   string
	from  string
	query map[string]any
	tells string
}

func (s *demoStack) questions(i *traffic.Incident) []question {
	filter := func(key, value string) map[string]any {
		return map[string]any{"key": key, "operator": "=", "values": []string{value}}
	}
	checkout := filter("route", i.Route)
	return []question{
		{"Which pages are slow right now?", "now-2h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"route"}, "format": "table"},
			"Most pages are as they should be. " + i.Route + " is not: too many of its loads are poor."},
		{"For whom is " + i.Route + " slow?", "now-2h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"browser", "device"},
				"filters":    []any{checkout},
				"minSamples": 20, "format": "table"},
			"Safari on phones, and nobody else. An average over everybody would have hidden it."},
		{"Since when?", "now-24h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"browser"}, "minSamples": 5,
				"filters": []any{checkout, filter("device", i.Device)}, "format": "timeseries"},
			"Safari's line jumps at about " + i.Onset.Local().Format("15:04") + "; Chrome's does not."},
		{"Which release brought it?", "now-24h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"release"}, "minSamples": 20,
				"filters": []any{checkout, filter("browser", "Safari"), filter("device", i.Device)}, "format": "table"},
			"Release " + i.Release + ", deployed at " + i.Onset.Local().Format("15:04") + ", against " + i.Before +
				" before it."},
		{"Is something broken there, too?", "now-2h",
			map[string]any{"queryType": "errors", "filters": []any{checkout}, "format": "table", "limit": 5},
			"An error in the payment code that nobody had seen before release " + i.Release + "."},
		{"Whom did it hit? Show me single visits.", "now-2h",
			map[string]any{"queryType": "sessions", "filters": []any{checkout, filter("browser", "Safari"), filter("release",
				i.Release)}, "limit": 5},
			"Visits to open in a timeline, with the traces of their requests."},
	}
}

// askAll asks one question after the other through the plugin's own binary, the one Grafana would start.
func (s *demoStack) askAll(ctx context.Context, incident *traffic.Incident) error {
	s.show.line("")
	s.show.line("%s", s.show.bold("It is "+time.Now().Format("15:04")+". Support says: “customers cannot pay”. All servers are green."))
	for n, q := range s.questions(incident) {
		q.query["app"] = demoApp
		text, err := json.Marshal(q.query)
		if err != nil {
			return fmt.Errorf("question %d: %w", n+1, err)
		}
		s.show.line("\n%s", s.show.bold(fmt.Sprintf("%d. %s", n+1, q.ask)))
		s.show.line("   %s\n", s.show.faint(fmt.Sprintf("sightline query --data %s --from %s '%s'", s.folderName(), q.from,
			text)))
		var answer bytes.Buffer
		began := time.Now()
		ask := &queryCmd{Query: string(text), Data: s.data, From: q.from, To: "now", Output: "table", Role: "Admin",
			Plugin: s.plugin}
		if err := ask.ask(ctx, nil, &answer, newTerminal(os.Stdout)); err != nil {
			return fmt.Errorf("question %d: %w", n+1, err)
		}
		s.show.text(answer.String())
		s.show.line("   → %s %s", q.tells, s.show.faint("("+shortDuration(time.Since(began))+")"))
	}
	return nil
}

// folderName is the data folder as short as it can be written here.
func (s *demoStack) folderName() string {
	working, err := os.Getwd()
	if err != nil {
		return s.data
	}
	if short, err := filepath.Rel(working, s.data); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return s.data
}
