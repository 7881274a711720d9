package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"

	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/query"
)

// request is what Grafana would send for a dashboard with these panels. It also reports whether the text was one query
// and not an array.
func (c *queryCmd) request(settings backend.DataSourceInstanceSettings, now time.Time) (*backend.QueryDataRequest, bool, error) {
	written, single, err := splitQueries(c.Query)
	if err != nil {
		return nil, false, err
	}
	span, err := parseTimes(c.From, c.To, now)
	if err != nil {
		return nil, false, err
	}
	request := &backend.QueryDataRequest{PluginContext: c.pluginContext(settings), Headers: map[string]string{}}
	if c.FromAlert {
		request.Headers[backend.FromAlertHeaderName] = "true"
	}
	taken := map[string]bool{}
	for i, text := range written {
		query, err := dataQuery(text, span, i)
		if err != nil {
			return nil, false, err
		}
		if taken[query.RefID] {
			return nil, false, fmt.Errorf("two queries have the refId %q: an answer is told apart by it", query.RefID)
		}
		taken[query.RefID] = true
		request.Queries = append(request.Queries, query)
	}
	return request, single, nil
}

// unknownFields tells of fields that are not looked at, such as misspelt ones; it is empty where there are none.
func unknownFields(request *backend.QueryDataRequest) string {
	var note strings.Builder
	for _, q := range request.Queries {
		for _, field := range query.Unknown(q.JSON) {
			fmt.Fprintf(&note, "Note: query %s: no question has a field %q, it is not looked at. "+
				`To choose by a dimension: "filters":[{"key":%[2]q,"operator":"=","values":["…"]}]`+"\n", q.RefID, field)
		}
	}
	return note.String()
}

func (c *queryCmd) pluginContext(settings backend.DataSourceInstanceSettings) backend.PluginContext {
	user := &backend.User{Login: "sightline-query", Name: "sightline query", Role: c.Role}
	if c.FromAlert {
		user.Login = "grafana_scheduler"
	}
	return backend.PluginContext{
		Namespace: "default", PluginID: plugin.ID, User: user, DataSourceInstanceSettings: &settings,
	}
}

// splitQueries takes one JSON object or an array of them.
func splitQueries(text string) (queries []json.RawMessage, single bool, err error) {
	trimmed := bytes.TrimSpace([]byte(text))
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		queries, single = []json.RawMessage{trimmed}, true
		if !json.Valid(trimmed) {
			err = json.Unmarshal(trimmed, &struct{}{})
		}
	case bytes.HasPrefix(trimmed, []byte("[")):
		err = json.Unmarshal(trimmed, &queries)
	default:
		return nil, false, fmt.Errorf(`the query must be a JSON object or an array of them, not %q`, text)
	}
	if err != nil {
		return nil, false, fmt.Errorf("the query is not valid JSON: %w", err)
	}
	if len(queries) == 0 {
		return nil, false, errors.New("the array holds no query")
	}
	return queries, single, nil
}

// dataQuery adds what Grafana knows about every query: refId, time range, and how many points are worth computing.
func dataQuery(text json.RawMessage, span backend.TimeRange, position int) (backend.DataQuery, error) {
	known := struct {
		RefID         string `json:"refId"`
		QueryType     string `json:"queryType"`
		MaxDataPoints int64  `json:"maxDataPoints"`
		IntervalMS    int64  `json:"intervalMs"`
	}{MaxDataPoints: 100} // what Grafana's API assumes without a panel
	if err := json.Unmarshal(text, &known); err != nil {
		return backend.DataQuery{}, fmt.Errorf("query %d: %w", position+1, err)
	}
	if known.RefID == "" {
		known.RefID = refID(position)
	}
	interval := time.Duration(known.IntervalMS) * time.Millisecond
	if interval <= 0 {
		interval = gtime.RoundInterval(span.Duration() / time.Duration(max(1, known.MaxDataPoints)))
	}
	return backend.DataQuery{
		RefID:         known.RefID,
		QueryType:     known.QueryType,
		MaxDataPoints: known.MaxDataPoints,
		Interval:      interval,
		TimeRange:     span,
		JSON:          text,
	}, nil
}

// refID names queries as Grafana's editor does: A … Z, AA, AB …
func refID(position int) string {
	if position < 26 {
		return string(rune('A' + position))
	}
	return refID(position/26-1) + refID(position%26)
}

// parseTimes reads both ends of a time range as Grafana would, days beginning at local midnight.
func parseTimes(from, to string, now time.Time) (backend.TimeRange, error) {
	span := gtime.TimeRange{From: from, To: to, Now: now}
	start, err := parseTime("--from", from, func() (time.Time, error) { return span.ParseFrom(gtime.WithLocation(now.Location())) })
	if err != nil {
		return backend.TimeRange{}, err
	}
	end, err := parseTime("--to", to, func() (time.Time, error) { return span.ParseTo(gtime.WithLocation(now.Location())) })
	if err != nil {
		return backend.TimeRange{}, err
	}
	if !start.Before(end) {
		return backend.TimeRange{}, fmt.Errorf("--from %s (%s) must lie before --to %s (%s)",
			from, start.Format(time.RFC3339), to, end.Format(time.RFC3339))
	}
	return backend.TimeRange{From: start, To: end}, nil
}

func parseTime(flag, text string, grafana func() (time.Time, error)) (time.Time, error) {
	if exact, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return exact, nil
	}
	t, err := grafana()
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q is no time: write a Grafana time (now-6h, now-1d/d), RFC 3339 "+
			"(2026-03-01T12:00:00Z) or Unix milliseconds", flag, text)
	}
	return t, nil
}
