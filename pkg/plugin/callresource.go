package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sightline-rum/sightline/pkg/query"
)

// CallResource answers the editors, which are not queries: what can be asked, and which values there are.
//
//	GET /schema                      query types with their dimensions, metrics and formats
//	GET /tag-keys?queryType=         dimensions an ad hoc filter can name: [{"text": "route"}]
//	GET /tag-values?key=             values of one of them:                [{"text": "/checkout"}]
//	GET /apps, /environments         values for the editors' own fields:   ["shop"]
//
// The last three take app, environment, and a time range as from and to (Grafana times or Unix milliseconds, by default
// the last day). The values of a dimension are narrowed by filters, a JSON list as queries have it, of which those are
// left out that do not apply; of names the query type they are for. Errors are {"message": …} with a fitting status.
func (i *Instance) CallResource(ctx context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	ctx, span := tracing.DefaultTracer().Start(ctx, "sightline resource", trace.WithAttributes(
		attribute.String("sightline.resource", req.Path)))
	defer span.End()
	return i.resources.CallResource(ctx, req, sender)
}

type route struct {
	path   string
	answer func(*http.Request) (any, error)
}

// routes maps the resource paths to their answers; everything else is a 404 that lists them.
func (i *Instance) routes() http.Handler {
	routes := []route{
		{"/schema", i.schema},
		{"/tag-keys", i.tagKeys},
		{"/tag-values", i.tagValues},
		{"/apps", i.apps},
		{"/environments", i.environments},
	}
	mux := http.NewServeMux()
	paths := make([]string, len(routes))
	for n, r := range routes {
		paths[n] = r.path
		mux.HandleFunc(r.path, func(w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodGet {
				w.Header().Set("Allow", http.MethodGet)
				refuse(w, req, problem{http.StatusMethodNotAllowed, req.Method + " is not possible here: use GET"})
				return
			}
			answer, err := r.answer(req)
			if err != nil {
				refuse(w, req, err)
				return
			}
			reply(w, req, http.StatusOK, answer)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		refuse(w, req, problem{http.StatusNotFound,
			fmt.Sprintf("there is no resource %s: use one of %s", req.URL.Path, strings.Join(paths, ", "))})
	})
	return mux
}

// tag is a name as Grafana's ad hoc filters want it.
type tag struct {
	Text string `json:"text"`
}

func tags(names []string) []tag {
	list := make([]tag, len(names))
	for n, name := range names {
		list[n].Text = name
	}
	return list
}

func (i *Instance) schema(*http.Request) (any, error) { return query.Describe(), nil }

func (i *Instance) tagKeys(req *http.Request) (any, error) {
	name := req.URL.Query().Get("queryType")
	var keys []string
	for _, t := range query.Describe().QueryTypes {
		if name != "" && t.Name != name {
			continue
		}
		for _, d := range t.Dimensions {
			if !slices.Contains(keys, d.Key) {
				keys = append(keys, d.Key)
			}
		}
	}
	if keys == nil {
		return nil, problem{http.StatusBadRequest, fmt.Sprintf("unknown queryType %q", name)}
	}
	return tags(keys), nil
}

func (i *Instance) tagValues(req *http.Request) (any, error) {
	key := req.URL.Query().Get("key")
	if key == "" {
		return nil, problem{http.StatusBadRequest, "key is missing: name the dimension whose values are wanted, as in ?key=route"}
	}
	values, err := i.values(req, key)
	return tags(values), err
}

func (i *Instance) apps(req *http.Request) (any, error) { return i.values(req, "app") }

func (i *Instance) environments(req *http.Request) (any, error) { return i.values(req, "environment") }

// values asks the `variable` query, so that what the editors offer obeys the same rules as any answer: the app list of
// the data source and the rights of whoever asks.
func (i *Instance) values(req *http.Request, dimension string) ([]string, error) {
	parameters := req.URL.Query()
	span, err := timeRange(parameters.Get("from"), parameters.Get("to"), time.Now())
	if err != nil {
		return nil, err
	}
	written := map[string]any{
		"queryType":   "variable",
		"dimension":   dimension,
		"app":         parameters.Get("app"),
		"environment": parameters.Get("environment"),
		"of":          parameters.Get("of"),
	}
	if filters := parameters.Get("filters"); filters != "" {
		if !json.Valid([]byte(filters)) {
			return nil, problem{http.StatusBadRequest, "filters is no JSON: give a list as queries have it"}
		}
		written["adHocFilters"] = json.RawMessage(filters)
	}
	if dimension == "environment" {
		written["environment"] = "*"
	}
	text, err := json.Marshal(written)
	if err != nil {
		return nil, fmt.Errorf("encode the variable query: %w", err)
	}
	ctx := req.Context()
	caller := i.settings.caller(backend.UserFromContext(ctx), markedFromAlert(flat(req.Header)))
	answer := i.answer(ctx, caller, backend.DataQuery{
		RefID: "values", QueryType: "variable", TimeRange: span, MaxDataPoints: 100, Interval: time.Minute, JSON: text,
	})
	if answer.Error != nil {
		return nil, problem{int(answer.Status), answer.Error.Error()}
	}
	return column(answer.Frames), nil
}

// timeRange defaults to the last day: editors ask before a range is known.
func timeRange(from, to string, now time.Time) (backend.TimeRange, error) {
	if from == "" {
		from = "now-24h"
	}
	if to == "" {
		to = "now"
	}
	span := gtime.TimeRange{From: from, To: to, Now: now}
	start, err := span.ParseFrom()
	if err != nil {
		return backend.TimeRange{}, problem{http.StatusBadRequest, fmt.Sprintf("from %q is no time", from)}
	}
	end, err := span.ParseTo()
	if err != nil {
		return backend.TimeRange{}, problem{http.StatusBadRequest, fmt.Sprintf("to %q is no time", to)}
	}
	return backend.TimeRange{From: start, To: end}, nil
}

// column is the texts of a single-column answer. It is never nil, so that it encodes as a list.
func column(frames data.Frames) []string {
	values := []string{}
	for _, frame := range frames {
		for _, field := range frame.Fields {
			if field.Type().NonNullableType() != data.FieldTypeString {
				continue
			}
			for row := range field.Len() {
				if v, ok := field.ConcreteAt(row); ok {
					values = append(values, v.(string))
				}
			}
			break
		}
	}
	return values
}

func flat(headers http.Header) map[string]string {
	flat := make(map[string]string, len(headers))
	for key := range headers {
		flat[key] = headers.Get(key)
	}
	return flat
}

// problem is an error with the status it is answered with.
type problem struct {
	status int
	text   string
}

func (p problem) Error() string { return p.text }

func refuse(w http.ResponseWriter, req *http.Request, err error) {
	status := http.StatusInternalServerError
	if p, ok := err.(problem); ok {
		status = p.status
	}
	reply(w, req, status, map[string]string{"message": err.Error()})
}

func reply(w http.ResponseWriter, req *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		backend.Logger.FromContext(req.Context()).Debug("Resource answer not sent", "path", req.URL.Path, "error", err)
	}
}
