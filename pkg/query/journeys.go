package query

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// journeys answers how far people get on the paths that matter: how many sessions enter each step, go on to the next,
// or give up there; how fast the step's pages are and what breaks at it; and in what those who give up differ.
//
// A session travels a journey at most once: from its first passage of step 1, through the first passage of step 2 later
// than that, and so on (journeys_replay.go). It belongs to the moment it entered. A session that passed a step but not
// the next has abandoned the journey there once it is over, and is running before that.
func askJourneys(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	p, err := q.pathsAsked(ctx, conn)
	if err != nil {
		return nil, err
	}
	switch {
	case q.Format == formatSeries:
		return p.series(ctx, conn)
	case q.Section == sectionDifferences:
		return p.differences(ctx, conn)
	}
	return p.table(ctx, conn)
}

// Sections of the table of journeys.
const (
	sectionSteps       = "steps"       // a row for each step and segment
	sectionDifferences = "differences" // a row for each value that is over-represented among those who gave up at a step
)

var journeySections = []string{sectionSteps, sectionDifferences}

// ofJourneys are the dimensions of a session at the moment it entered the journey, and the journey's own: journey and
// step are chosen among the configured ones before the store is asked.
var ofJourneys = append([]dimension{
	{key: "journey", name: "Journey"},
	{key: "step", name: "Step"},
}, slices.DeleteFunc(slices.Clone(common), func(d dimension) bool {
	return slices.Contains([]string{"app", "route", "journey", "navigationType"}, d.key)
})...)

const (
	// journeyReach is how long before and after the time range a session's steps are looked for: the Faro SDK ends a
	// session after four hours (SESSION_EXPIRATION_TIME).
	journeyReach = 4 * time.Hour

	// journeyOver is how long after its last event a session counts as over. Faro's own limit of inactivity is 15 minutes;
	// twice as much leaves room for beacons that come late.
	journeyOver = 30 * time.Minute

	// mostJourneys are answered at once: each costs a statement.
	mostJourneys = 20
)

// paths is a question about journeys, with those it is about.
type paths struct {
	*question
	journeys []journey
	notices  []data.Notice
	byStep   bool        // groupBy names step: series are of each step
	asSteps  filter      // the filter on step, if any
	compared []dimension // what differences are looked for in
	running  float64     // sessions that may go on
}

// pathsAsked takes journey and step out of the question's dimensions, which from then on are of sessions only.
func (q *question) pathsAsked(ctx context.Context, conn driver.Conn) (*paths, error) {
	p := &paths{question: q}
	only := []filter{}
	if q.Journey == templateAll {
		q.Journey = ""
	}
	for _, f := range q.filters {
		switch f.key {
		case "journey":
			only = append(only, f)
		case "step":
			if p.asSteps.key != "" {
				return nil, badRequest("filters name step twice: give one filter several values")
			}
			p.asSteps = f
		}
	}
	own := func(key string) bool { return key == "journey" || key == "step" }
	q.filters = slices.DeleteFunc(q.filters, func(f filter) bool { return own(f.key) })
	p.byStep = q.groupsBy("step")
	q.groups = slices.DeleteFunc(q.groups, func(d dimension) bool { return own(d.key) })
	if q.Format == formatTable && q.Section == sectionDifferences && len(q.groups) > 0 {
		return nil, badRequest("differences are looked for in all dimensions: groupBy is for the section %s, filters narrow "+
			"it down", sectionSteps)
	}

	all, err := q.configuredJourneys(ctx, conn)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, j := range all {
		known = append(known, j.name)
		if (q.Journey == "" || q.Journey == j.name) &&
			!slices.ContainsFunc(only, func(f filter) bool { return !f.matches(j.name) }) {
			p.journeys = append(p.journeys, j)
		}
	}
	switch {
	case len(all) == 0 && q.Journey != "":
		return nil, badRequest("unknown journey %.80q: app %q has none. %s", q.Journey, q.App, howToConfigure)
	case q.Journey != "" && !slices.Contains(known, q.Journey):
		return nil, unknown("journey", q.Journey, known)
	case len(all) == 0:
		p.notices = append(p.notices, info("App '%s' has no journeys. %s", q.App, howToConfigure))
	case len(p.journeys) > mostJourneys:
		p.journeys = p.journeys[:mostJourneys]
		p.notices = append(p.notices, info("Only the first %d journeys are shown. Name one (journey).", mostJourneys))
	}
	return p, nil
}

const howToConfigure = "Name its steps in the sidecar's configuration (apps.<app>.journeys, see " +
	"docs/config.example.yaml) and start it again."

// seen is the moment up to which sessions were watched: now, or the end of the reach when that is past.
func (p *paths) seen() time.Time {
	if reach := p.window.to.Add(journeyReach); reach.Before(time.Now()) {
		return reach
	}
	return time.Now().UTC().Truncate(time.Millisecond)
}

// put adds the notices to an answer: what was left out, and how many sessions nothing can be said of yet.
func (p *paths) put(frames data.Frames) data.Frames {
	if p.running > 0 && p.running >= float64(p.few) {
		p.notices = append(p.notices, info("%.4g sessions are still running (their last event is less than %s old): they "+
			"count as entered, and as neither completed nor abandoned.", p.running, lasted(journeyOver)))
	}
	frames[0].AppendNotices(p.notices...)
	return frames
}

// named is the question with the journey before its dimensions and, if asked, the step behind them, which is what
// rows and series are named by.
func (p *paths) named(step bool) *question {
	named := *p.question
	named.groups = append([]dimension{ofJourneys[0]}, p.groups...)
	if step {
		named.groups = append(named.groups, ofJourneys[1])
	}
	return &named
}

// shows tells whether a step is asked for.
func (p *paths) shows(s journeyStep) bool { return p.asSteps.key == "" || p.asSteps.matches(s.name) }
