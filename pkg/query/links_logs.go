package query

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// logQL is the Loki query with the trace id's placeholder in it.
func (l Links) logQL() string {
	query := strings.ReplaceAll(strings.TrimSpace(l.LokiQuery), "${traceId}", clicked)
	if query == "" {
		query = defaultLokiQuery
	}
	return holding(query)
}

// requestLogQL is the Loki query with the request id's placeholder in it. What LokiQuery does with a trace id would not
// find it, so that of it only the streams are taken.
func (l Links) requestLogQL() string {
	query := strings.ReplaceAll(strings.TrimSpace(l.LokiRequestQuery), "${requestId}", clicked)
	if query == "" {
		query = streamsOf(l.LokiQuery)
	}
	return holding(query)
}

// holding keeps to lines that hold the id, unless the query says where it stands.
func holding(query string) string {
	if !strings.Contains(query, "${__value") {
		query += ` |= "` + clicked + `"`
	}
	return query
}

var streamSelector = regexp.MustCompile("^\\s*\\{(?:[^}\"`]|\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)*\\}")

// streamsOf is the stream selector that a LogQL query begins with; every service's, when it depends on the id itself.
func streamsOf(query string) string {
	streams := strings.TrimSpace(streamSelector.FindString(query))
	if streams == "" || strings.Contains(streams, "${") {
		return defaultLokiQuery
	}
	return streams
}

// logMargin is how long before and after it somebody looks for the log lines of something: clocks differ, and back ends
// go on after they answered.
const logMargin = 5 * time.Minute

// logTimes is the time around a row in which its log lines are looked for, as Explore's address has it. Without one,
// links take the time range that is being looked at.
type logTimes struct{ from, to string }

// The columns with each row's own time. They are hidden: only links read them.
const (
	columnLogsFrom = "logsFrom"
	columnLogsTo   = "logsTo"
)

// logTimes finds when the rows of a frame were. A session has one time; in lists of visits and traces, each row has its
// own, in two columns of text, as Grafana would format a number for people.
func (l Links) logTimes(q *question, frame *data.Frame) logTimes {
	name := map[string]string{"traces": "time", "sessions": "start", "session": "timestamp"}[q.kind.name]
	if q.Format == formatTrace {
		name = "startTime" // in ms
	}
	at, _ := frame.FieldByName(name)
	if l.LokiUID == "" || at == nil || frame.Rows() == 0 {
		return logTimes{}
	}
	took, _ := frame.FieldByName("duration")
	n := frame.Rows()
	from, to := make([]*string, n), make([]*string, n)
	var whole window
	for i := range n {
		value, ok := at.ConcreteAt(i)
		if !ok {
			continue
		}
		start, ok := value.(time.Time)
		if !ok {
			start = time.UnixMilli(int64(value.(float64)))
		}
		end := start
		if took != nil {
			if value, ok := took.ConcreteAt(i); ok {
				end = later(start, value.(float64))
			}
		}
		around := window{start.Add(-logMargin), end.Add(logMargin)}
		from[i], to[i] = textIf(unixText(around.from)), textIf(unixText(around.to))
		if whole.from.IsZero() || around.from.Before(whole.from) {
			whole.from = around.from
		}
		if around.to.After(whole.to) {
			whole.to = around.to
		}
	}
	if q.kind.name == "session" {
		return logTimes{unixText(whole.from), unixText(whole.to)}
	}
	for _, c := range []struct {
		name   string
		values []*string
	}{{columnLogsFrom, from}, {columnLogsTo, to}} {
		hidden := column(c.name, "", unitNone, c.values)
		hidden.Config.Custom = map[string]any{"hidden": true}
		frame.Fields = append(frame.Fields, hidden)
	}
	return logTimes{"${__data.fields." + columnLogsFrom + "}", "${__data.fields." + columnLogsTo + "}"}
}

func unixText(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// placeholder is one of Grafana's in an escaped address.
var placeholder = regexp.MustCompile(`%24%7B(__(?:[A-Za-z0-9_.]|%3A)+)%7D`)

// logsAround is the address of Explore with the Loki query in the time around the row, or "" when that is not known. An
// internal link cannot have a time of its own.
func (l Links) logsAround(expr string, when logTimes) string {
	if l.LokiUID == "" || when.from == "" {
		return ""
	}
	panes := url.QueryEscape(string(encode(map[string]any{"logs": map[string]any{
		"datasource": l.LokiUID,
		"queries": []map[string]any{
			{"refId": "A", "datasource": map[string]string{"type": "loki", "uid": l.LokiUID}, "expr": expr}},
		"range": map[string]string{"from": when.from, "to": when.to},
	}})))
	panes = placeholder.ReplaceAllStringFunc(strings.ReplaceAll(panes, "+", "%20"), func(escaped string) string {
		text, err := url.QueryUnescape(escaped)
		if err != nil {
			return escaped
		}
		return strings.Replace(text, clicked, "${__value.raw:percentencode}", 1)
	})
	return "/explore?schemaVersion=1&panes=" + panes
}
