package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// payload is a beacon in two forms, Faro's and OTLP's, of the same items. The placeholders in it make each beacon
// another visit's: a store that removes doubles must not find any.
type payload struct {
	name       string
	items      int
	faro, otlp string
}

const (
	visitHere = "visit-here"
	whenHere  = "2001-02-03T04:05:06.789Z"
	nanosHere = "981173106789000000"
)

// readPayload makes a payload of what a real Faro SDK sent, without its last events where fewer are wanted.
func readPayload(file string, fewer int) (payload, error) {
	var faro map[string]any
	text, err := os.ReadFile(filepath.Join("pkg/ingest/testdata/faro", file))
	if err == nil {
		err = json.Unmarshal(text, &faro)
	}
	if err != nil {
		return payload{}, fmt.Errorf("read the captured beacon %s: %w", file, err)
	}
	if events, ok := faro["events"].([]any); ok {
		faro["events"] = events[:len(events)-fewer]
	}
	meta := faro["meta"].(map[string]any)
	meta["session"] = map[string]any{"id": visitHere}
	p := payload{}
	var records []any
	for _, list := range []string{"events", "measurements"} {
		items, _ := faro[list].([]any)
		for i, each := range items {
			item := each.(map[string]any)
			item["timestamp"] = whenHere
			if context, ok := item["context"].(map[string]any); ok {
				context["id"] = fmt.Sprintf("v6-%s-%d", visitHere, i)
			}
			records = append(records, toRecord(item))
			p.items++
		}
	}
	body, err := json.Marshal(faro)
	if err != nil {
		return payload{}, err
	}
	p.faro = string(body)
	app := meta["app"].(map[string]any)
	body, err = json.Marshal(map[string]any{"resourceLogs": []any{map[string]any{
		"resource": map[string]any{"attributes": attributes(map[string]any{
			"service.name": app["name"], "service.version": app["version"], "deployment.environment.name": app["environment"],
			"user_agent.original": meta["browser"].(map[string]any)["userAgent"], "browser.language": "en-US",
			"browser.platform": "Linux"})},
		"scopeLogs": []any{map[string]any{
			"scope": map[string]any{"name": "@opentelemetry/browser-instrumentation", "version": "0.6.0"}, "logRecords": records}},
	}}})
	p.otlp = string(body)
	p.name = fmt.Sprintf("%.1f kB, %d items", float64(len(p.faro))/1e3, p.items)
	if p.items == 1 {
		p.name = strings.TrimSuffix(p.name, "s")
	}
	return p, err
}

// toRecord is an item of Faro as a log record of OpenTelemetry, with the same values.
func toRecord(item map[string]any) map[string]any {
	given := map[string]any{"session.id": visitHere}
	name, _ := item["name"].(string)
	for _, of := range []string{"attributes", "values", "context"} {
		values, _ := item[of].(map[string]any)
		for key, value := range values {
			given[key] = value
		}
	}
	if values, ok := item["values"].(map[string]any); ok {
		name = "browser.web_vital"
		for _, vital := range []string{"fcp", "lcp", "cls", "inp", "ttfb"} {
			if value, measured := values[vital]; measured {
				given["browser.web_vital.name"], given["browser.web_vital.value"] = vital, value
				given["browser.web_vital.id"] = given["id"]
			}
		}
	}
	return map[string]any{"timeUnixNano": nanosHere, "observedTimeUnixNano": nanosHere, "severityNumber": 9,
		"body": map[string]any{}, "eventName": name, "attributes": attributes(given)}
}

func attributes(of map[string]any) []any {
	var list []any
	for key, value := range of {
		kind := map[string]any{"stringValue": fmt.Sprint(value)}
		if number, ok := value.(float64); ok {
			kind = map[string]any{"doubleValue": number}
		}
		list = append(list, map[string]any{"key": key, "value": kind})
	}
	return list
}

// bodies fills in a template for so many visits that begin now. The run makes visits of different runs differ.
func bodies(template, run string, n int) [][]byte {
	made := make([][]byte, n)
	now := time.Now()
	for i := range made {
		at := now.Add(-time.Duration(i%30_000) * time.Millisecond)
		made[i] = []byte(strings.NewReplacer(visitHere, run+"-"+strconv.Itoa(i),
			whenHere, at.UTC().Format("2006-01-02T15:04:05.000Z"),
			nanosHere, strconv.FormatInt(at.UnixNano(), 10)).Replace(template))
	}
	return made
}
