package erase

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what can be told to whoever asked for an erasure, in plain words. It does not say whose data it was: the
// record of an erasure must not be what keeps the name.
type Report struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	App         string    `json:"app,omitempty"`
	State       string    `json:"state"`
	RequestedAt time.Time `json:"requested_at"`
	RequestedBy string    `json:"requested_by,omitempty"`
	VerifiedAt  time.Time `json:"verified_at,omitzero"`
	Found       []Found   `json:"found"` // and erased
	Recounted   []Found   `json:"recounted,omitempty"`
	Done        []string  `json:"done"`
	Remains     []string  `json:"remains"`
}

// Found is how many rows of a table an erasure was about, and what such a row is.
type Found struct {
	Store string `json:"store,omitempty"` // empty is the main one
	Table string `json:"table"`
	What  string `json:"what"`
	Rows  uint64 `json:"rows"`
}

// rowsAre says what the rows of each table are.
var rowsAre = map[string]string{
	"views": "page views", "vitals": "measurements of how fast pages were", "requests": "requests that pages made",
	"blocking": "scripts that kept pages busy", "errors": "errors that occurred", "actions": "clicks and other actions",
	"events": "other events of a visit", "session_events": "entries in the timelines of visits",
	"sessions": "summaries of visits", "trace_sessions": "links between visits and server traces",
	"error_groups": "groups of errors", "releases": "releases of the site",
	"hist_1h_route_device": hourly, "hist_1h_route_release": hourly, "hist_1h_route_country": hourly,
	"hist_1h_route_browser": hourly, "hist_1h_endpoint_route": hourly, "hist_1h_endpoint_release": hourly,
	"errors_1m": "counts of errors by the minute", "hour_inserts": "hours in which anything was stored",
}

const hourly = "counts by the hour"

// asked says what was asked for.
var asked = map[string]string{
	KindSession: "one visit", KindUser: "one user, with all of the visits they were seen in",
	KindApp: "everything that visitors left of the app",
}

// Report tells what an erasure did.
func (s Status) Report() Report {
	r := Report{
		ID: s.ID, Kind: s.Kind, App: s.App, State: s.State, RequestedAt: s.RequestedAt, RequestedBy: s.RequestedBy,
		VerifiedAt: s.VerifiedAt, Found: []Found{}, Done: []string{}, Remains: remains(s.Kind),
	}
	for _, name := range slices.Sorted(maps.Keys(s.Stores)) {
		r.Found = append(r.Found, foundIn(name, s.Stores[name].Rows)...)
		r.Recounted = append(r.Recounted, foundIn(name, s.Stores[name].Recounted)...)
	}
	if s.State == StateVerified {
		r.Done = done(s.Kind)
		if len(s.Stores) == 0 { // it was done by a version that kept the sum alone
			r.Found = foundIn("", s.Rows)
		}
	}
	return r
}

func foundIn(store string, rows map[string]uint64) []Found {
	var found []Found
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		if rows[table] > 0 {
			found = append(found, Found{Store: store, Table: table, What: rowsAre[table], Rows: rows[table]})
		}
	}
	return found
}

func done(kind string) []string {
	late := "Data of the same visit that still arrives, or that waited to be stored, is dropped."
	switch kind {
	case KindUser:
		late = "Data of the same visits, or of the user from before the request, that still arrives is dropped. " +
			"Who uses the site again afterwards is measured again."
	case KindApp:
		late = "Data of the app from before the request that still arrives is dropped. Later visits are measured again."
	}
	return []string{
		"The rows were deleted from every table, and a query of each table then found none of them.",
		"Items that had been set aside, because they were not valid or could not be stored, were looked through and deleted.",
		late,
	}
}

func remains(kind string) []string {
	all := []string{
		"A hash (SHA-256) of what was erased, by which late data is recognised, and this record: when, by whom, how many rows.",
		"Files that the store has replaced, which nothing reads any more: it removes them from the disk some minutes later.",
		"Numbers that are of no single visit: how many beacons the app sent a minute. They hold no identifier.",
		"Copies outside this store are not reached: backups of its disk, traces and logs of the site's own servers.",
	}
	if kind != KindApp {
		all = slices.Insert(all, 1,
			"Groups of errors and releases that others took part in: they were counted anew, without this data.",
			"Counts of hours whose visits were removed before, because they were old enough: they name nobody, so nobody's part "+
				"in them can be told.")
	}
	return all
}

// Text is the report for people.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Erasure %s\n\n", r.ID)
	of := asked[r.Kind]
	if r.App != "" {
		of += " (app " + r.App + ")"
	}
	fmt.Fprintf(&b, "Asked for   %s, %s\n", day(r.RequestedAt), of)
	if r.RequestedBy != "" {
		fmt.Fprintf(&b, "By          %s\n", r.RequestedBy)
	}
	if r.State != StateVerified {
		fmt.Fprintf(&b, "State       not finished: it goes on until it is, also after a restart\n")
	} else {
		fmt.Fprintf(&b, "Verified    %s\n", day(r.VerifiedAt))
	}
	section(&b, "Found and erased", r.Found, "nothing: there was no such data")
	if len(r.Recounted) > 0 {
		section(&b, "Counted anew, without this data", r.Recounted, "")
	}
	list(&b, "What was done", r.Done)
	list(&b, "What stays", r.Remains)
	return b.String()
}

func day(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04:05 UTC") }

func section(b *strings.Builder, title string, found []Found, none string) {
	fmt.Fprintf(b, "\n%s\n", title)
	for _, f := range found {
		where := f.Table
		if f.Store != "" {
			where += ", store " + f.Store
		}
		fmt.Fprintf(b, "  %8d  %s (%s)\n", f.Rows, f.What, where)
	}
	if len(found) == 0 && none != "" {
		fmt.Fprintf(b, "  %s\n", none)
	}
}

func list(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  - %s\n", line)
	}
}
