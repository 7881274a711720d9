package stats

import "time"

// Kind is why a group stands out now.
type Kind string

// The kinds, the most telling first; a group is of the first that fits.
const (
	// New: never seen before the window.
	New Kind = "new"
	// Regressed: seen before, then quiet for Quiet or longer, now back.
	Regressed Kind = "regressed"
	// Surging: more than its baseline explains.
	Surging Kind = "surging"
	// Usual is none of these.
	Usual Kind = ""
)

// Quiet is how long a group must have been silent for its return to be a regression. It is a week because shorter would
// call back every Monday what only weekdays, or a weekly job, bring about.
const Quiet = 7 * 24 * time.Hour

// Sightings is when a group of errors was seen, and by how many.
type Sightings struct {
	// Window is when the window starts.
	Window time.Time
	// First is when the group was ever seen first, the window included.
	First time.Time
	// Before is when it was last seen before the window; zero when that is longer ago than occurrences are kept.
	Before time.Time
	// Sessions is how many distinct sessions met it inside the window.
	Sessions int
}

// Kind names why the group stands out, Usual when it does not. New and regressed groups have no rate that could be
// exceeded, so they need no score, only BurstSessions or more: one visitor's oddity is not the product's.
func (s Sightings) Kind(burst Burst) Kind {
	switch {
	case s.Sessions < BurstSessions:
		return Usual
	case !s.First.Before(s.Window):
		return New
	case s.Before.IsZero() || s.Window.Sub(s.Before) >= Quiet:
		return Regressed
	case burst.Surging:
		return Surging
	}
	return Usual
}
