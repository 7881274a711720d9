package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// question is one thing an engineer on call asks, with what the simulation planted: the truth to hold the answer against.
type question struct {
	ask     string
	from    string
	query   map[string]any
	planted string
}

// worstSession stands in a question for the first session of the answer before it.
const worstSession = "(the worst session)"

func (s *demoStack) questions(i *traffic.Incident) []question {
	filter := func(key string, values ...string) map[string]any {
		return map[string]any{"key": key, "operator": "=", "values": values}
	}
	route, browser, device := filter("route", i.Route), filter("browser", "Safari"), filter("device", i.Device)
	onset := i.Onset.Local().Format("15:04")
	return []question{
		{"Which pages are not well?", "now-2h",
			map[string]any{"queryType": "vitalsOverview", "groupBy": []string{"route"}},
			i.Route + " was made slow, and no other page."},
		{"For whom is " + i.Route + " slow?", "now-2h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"browser", "device"},
				"filters": []any{route}, "minSamples": 20, "format": "table"},
			"Slow in Safari on phones, and nowhere else. An average over everybody would hide it."},
		{"Since when?", "now-24h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"browser"}, "minSamples": 5,
				"filters": []any{route, device}, "format": "timeseries"},
			"Safari's line jumps at " + onset + "; Chrome's does not."},
		{"Which release brought it?", "now-24h",
			map[string]any{"queryType": "vitals", "metric": "lcp", "groupBy": []string{"release"}, "minSamples": 20,
				"filters": []any{route, browser, device}, "format": "table"},
			"Release " + i.Release + ", deployed at " + onset + "; " + i.Before + " before it was well."},
		{"What explains the change since the deploy?", "now-24h",
			map[string]any{"queryType": "impact", "metric": "lcp", "filters": []any{route}, "compare": "deploy", "limit": 8},
			"Safari on phones in release " + i.Release + " became slower; the mix of visitors stayed as it was."},
		{"And what in the page is it?", "now-2h",
			map[string]any{"queryType": "attribution", "metric": "inp", "filters": []any{route},
				"groupBy": []string{"element", "script"}, "limit": 5},
			"A click on pay waits for " + i.Script + "; Safari cannot name scripts, Chromium's browsers can."},
		{"Is the new release worse, on the same traffic?", "now-24h",
			map[string]any{"queryType": "releases", "filters": []any{route}},
			i.Release + " is worse than " + i.Before + "."},
		{"Is something broken there, too?", "now-3h",
			map[string]any{"queryType": "errorBursts", "window": "1h"},
			"An error nobody had met before, since shortly after the deploy, in release " + i.Release + " and on iOS only."},
		{"Whom did it hit? Show me single visits.", "now-2h",
			map[string]any{"queryType": "sessions", "filters": []any{route, browser, filter("release", i.Release)}, "limit": 5},
			"Visits on phones in Safari, slow or broken at the checkout."},
		{"What happened to the first of them at the checkout?", "now-24h",
			map[string]any{"queryType": "session", "sessionId": worstSession,
				"filters": []any{route, filter("kind", "view", "vital", "action", "error")}},
			"A slow page, a click on pay, and the error."},
		{"What did its requests do behind the browser?", "now-24h",
			map[string]any{"queryType": "traces", "sessionId": worstSession, "filters": []any{route}},
			"A trace for every API call. Payment answers in good time: the fault is in the page."},
		{"How many give up on their way to paying, and where?", "now-2h",
			map[string]any{"queryType": "journeys", "journey": "checkout", "groupBy": []string{"browser"}, "limit": 2,
				"minSamples": 10},
			"With Safari more are lost between Pay and Paid."},
		{"What do those who give up have in common?", "now-2h",
			map[string]any{"queryType": "journeys", "journey": "checkout", "section": "differences"},
			"The error, and Safari on iOS."},
		{"What belongs into the ticket?", "now-2h",
			map[string]any{"queryType": "evidence", "filters": []any{route, browser}},
			"The deploy just before it began; a backend that is well."},
	}
}

// askAll asks one question after the other through the plugin's own binary, the one Grafana would start.
func (s *demoStack) askAll(ctx context.Context, incident *traffic.Incident) error {
	s.show.line("")
	s.show.line("%s", s.show.bold("It is "+time.Now().Format("15:04")+". Support says: “customers cannot pay”. All servers are green."))
	session := ""
	for n, q := range s.questions(incident) {
		q.query["app"] = demoApp
		if q.query["sessionId"] == worstSession {
			q.query["sessionId"] = session
		}
		text, err := json.Marshal(q.query)
		if err != nil {
			return fmt.Errorf("question %d: %w", n+1, err)
		}
		s.show.line("\n%s", s.show.bold(fmt.Sprintf("%d. %s", n+1, q.ask)))
		s.show.line("   %s\n", s.show.faint(fmt.Sprintf("sightline query --data %s --from %s '%s'", s.folderName(), q.from,
			text)))
		began := time.Now()
		answer, err := s.ask(ctx, q, string(text), "table")
		if err != nil {
			return fmt.Errorf("question %d: %w", n+1, err)
		}
		took := time.Since(began)
		s.show.text(answer)
		s.show.line("   → planted: %s %s", q.planted, s.show.faint("("+shortDuration(took)+")"))
		if q.query["queryType"] == "sessions" {
			if session, err = s.firstSession(ctx, q, string(text)); err != nil {
				return fmt.Errorf("question %d: %w", n+1, err)
			}
		}
	}
	return nil
}

// ask asks one question as `sightline query` would and returns what it would print, leaving room for the margin.
func (s *demoStack) ask(ctx context.Context, q question, text, output string) (string, error) {
	var answer bytes.Buffer
	terminal := newTerminal(os.Stdout)
	if terminal.Width > len(margin) {
		terminal.Width -= len(margin)
	}
	ask := &queryCmd{Query: text, Data: s.data, From: q.from, To: "now", Output: output, Role: "Admin", Plugin: s.plugin}
	err := ask.ask(ctx, nil, &answer, terminal)
	return answer.String(), err
}

// firstSession is the id in the first row of a sessions answer.
func (s *demoStack) firstSession(ctx context.Context, q question, text string) (string, error) {
	answer, err := s.ask(ctx, q, text, "json")
	if err != nil {
		return "", err
	}
	var frames data.Frames
	if err := json.Unmarshal([]byte(answer), &frames); err != nil {
		return "", fmt.Errorf("read the sessions: %w", err)
	}
	for _, frame := range frames {
		if ids, _ := frame.FieldByName("sessionId"); ids != nil && ids.Len() > 0 {
			if id, ok := ids.ConcreteAt(0); ok {
				return fmt.Sprint(id), nil
			}
		}
	}
	return "", errors.New("no session was hit by the incident: play more of them with --sessions")
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
