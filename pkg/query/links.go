package query

import (
	"net/url"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Links are where the ids of an answer lead: to the traces and logs behind a visit, and from one answer to the next.
// They come from the data source's settings; what is empty is not linked to.
type Links struct {
	UID  string // this data source's own, for what is asked next
	Name string

	TempoUID string
	LokiUID  string

	// LokiQuery is the LogQL that finds a trace's lines. ${traceId} stands for the id (as does Grafana's own
	// ${__value.raw}); without either, lines that hold the id are looked for. Empty means any service's.
	LokiQuery string

	// LokiRequestQuery is the same for a request's id, ${requestId}, on sites without tracing. Empty means lines of the
	// streams that LokiQuery selects which hold the id.
	LokiRequestQuery string

	// PrometheusQuery is the PromQL that tells how busy the service behind an endpoint or host is. ${value} stands for the
	// one that was clicked; ${endpoint}, ${host}, ${method} and ${route} for those of its row, and ${app} for the app. With
	// ${route} in it, routes lead there too. Empty is the CPU time of every job, which all of Prometheus's own client
	// libraries export.
	PrometheusUID   string
	PrometheusQuery string
}

// SessionsDashboard is the uid of the dashboard that shows one session, chosen by its variable "session".
const SessionsDashboard = "sightline-sessions"

// clicked is the value of the cell whose link is followed. Grafana puts it in when the link is drawn.
const clicked = "${__value.raw}"

// defaultLokiQuery selects every service that Loki knows by its standard label: a selector cannot be empty.
const defaultLokiQuery = `{service_name=~".+"}`

// put adds the data links to every field of an answer whose name says that it holds an id. Names of fields are the same
// in all answers, so that no query type has links of its own.
func (l Links) put(q *question, frames data.Frames) {
	for _, frame := range frames {
		when := l.logTimes(q, frame)
		for _, field := range frame.Fields {
			links := l.of(q, field.Name, frame, when)
			if len(links) == 0 {
				continue
			}
			if field.Config == nil {
				field.Config = &data.FieldConfig{}
			}
			field.Config.Links = append(field.Config.Links, links...)
		}
	}
}

func (l Links) of(q *question, field string, frame *data.Frame, when logTimes) []data.DataLink {
	var links []data.DataLink
	explore := func(title, uid, name string, query map[string]any) {
		if uid != "" {
			links = append(links, data.DataLink{Title: title,
				Internal: &data.InternalDataLink{DatasourceUID: uid, DatasourceName: name, Query: query}})
		}
	}
	ask := func(title string, query map[string]any) {
		query["app"], query["environment"] = q.App, q.Environment
		explore(title, l.UID, l.Name, query)
	}
	only := func(dimension string) []map[string]any {
		return []map[string]any{{"key": dimension, "operator": "=", "values": []string{clicked}}}
	}
	logs := func(expr string) {
		if address := l.logsAround(expr, when); address != "" {
			links = append(links, data.DataLink{Title: "Logs in Loki", URL: address})
			return
		}
		explore("Logs in Loki", l.LokiUID, "Loki", map[string]any{"expr": expr})
	}

	switch field {
	case "endpoint", "host", "route":
		if expr, ok := l.promQL(q, field, frame); ok {
			explore("Saturation in Prometheus", l.PrometheusUID, "Prometheus", map[string]any{"expr": expr, "range": true})
		}
	case "traceId":
		explore("Trace in Tempo", l.TempoUID, "Tempo", map[string]any{"queryType": "traceql", "query": clicked})
		logs(l.logQL())
		if q.kind.name != "traces" && q.kind.name != "session" {
			ask("Session of the trace", map[string]any{"queryType": "traces", "traceId": clicked})
		}
	case "requestId":
		logs(l.requestLogQL())
	case "actionId":
		ask("Requests of this action", map[string]any{"queryType": "traces", "sessionId": q.SessionID,
			"filters": only("actionId")})
	case "sessionId":
		links = append(links, data.DataLink{Title: "Session", URL: q.sessionDashboard()})
		if q.kind.name != "session" {
			ask("Timeline of the session", map[string]any{"queryType": "session", "sessionId": clicked})
		}
	case "fingerprint":
		ask("Errors of this group", map[string]any{"queryType": "errors", "filters": only("fingerprint")})
	case "release", "firstRelease", "releaseBefore":
		ask("Vitals of this release", map[string]any{"queryType": "vitalsOverview", "groupBy": []string{"route"},
			"filters": only("release")})
	}
	return links
}

// promPlaceholders are the columns of a row that the Prometheus query may name.
var promPlaceholders = []string{"endpoint", "host", "method", "route"}

// defaultPrometheusQuery needs no more than a target that tells its own CPU time.
const defaultPrometheusQuery = "sum by (job) (rate(process_cpu_seconds_total[5m]))"

// promQL is the Prometheus query with placeholders of Grafana's in it. A row that lacks what the query names has none.
func (l Links) promQL(q *question, field string, frame *data.Frame) (string, bool) {
	query := strings.TrimSpace(l.PrometheusQuery)
	if field == "route" && !strings.Contains(query, "${route}") {
		return "", false
	}
	if query == "" {
		return defaultPrometheusQuery, true
	}
	query = strings.ReplaceAll(strings.ReplaceAll(query, "${value}", clicked), "${app}", q.App)
	query = strings.ReplaceAll(query, "${"+field+"}", clicked)
	for _, column := range promPlaceholders {
		placeholder := "${" + column + "}"
		if !strings.Contains(query, placeholder) {
			continue
		}
		if found, _ := frame.FieldByName(column); found == nil {
			return "", false
		}
		query = strings.ReplaceAll(query, placeholder, "${__data.fields."+column+"}")
	}
	return query, true
}

// sessionDashboard is the dashboard's address with the clicked session, in the time range that is being looked at.
func (q *question) sessionDashboard() string {
	address := "/d/" + SessionsDashboard + "?var-session=${__value.raw:percentencode}"
	variable := func(name, value string) {
		if value != "" && value != anyEnvironment {
			address += "&" + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		}
	}
	variable("var-app", q.App)
	variable("var-environment", q.Environment)
	return address + "&${__url_time_range}"
}
