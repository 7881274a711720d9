package stats

import (
	"time"

	"gonum.org/v1/gonum/mathext"
)

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

// absentChance is how likely, at most, as many sessions may be that meet a group which was there all along and merely not
// seen yet: the 5 % that the rule of three leaves.
const absentChance = 0.05

// Sightings is when a group of errors was seen, and by how many.
type Sightings struct {
	// Window is when the window starts.
	Window time.Time
	// First is when the group was ever seen first, the window included.
	First time.Time
	// Before is when it was last seen before the window; zero when that is longer ago than occurrences are kept.
	Before time.Time
	// Watched is how many windows the app was watched before Window, without the group.
	Watched int
	// Sessions is how many distinct sessions met it inside the window.
	Sessions int
}

// Reason is why the group could stand out, if it is met often enough: New or Regressed when it was not there before,
// else Surging.
func (s Sightings) Reason() Kind {
	switch {
	case !s.First.Before(s.Window):
		return New
	case s.Before.IsZero() || s.Window.Sub(s.Before) >= Quiet:
		return Regressed
	}
	return Surging
}

// Kind names why the group stands out, Usual when it does not. BurstSessions must meet it: one visitor's oddity is not
// the product's.
func (s Sightings) Kind(burst Burst) Kind {
	reason := s.Reason()
	switch {
	case s.Sessions < BurstSessions:
		return Usual
	case reason == Surging && !burst.Surging, reason != Surging && !s.wasAbsent():
		return Usual
	}
	return reason
}

// wasAbsent says that the group cannot have been there before at the rate it has now. What was not seen in n windows may
// come 3/n times a window all the same (the rule of three), so a short history asks for more sessions: 2 in a window
// after a day or an hour of 5 minutes, 4 after a quarter of an hour. Sessions are counted and not events since one
// session brings several, but not its neighbour's: their number is Poisson distributed.
func (s Sightings) wasAbsent() bool {
	if s.Watched < 1 {
		return false // the first beacons of an installation bring all its usual errors along
	}
	return mathext.GammaIncReg(float64(s.Sessions), ruleOfThree/float64(s.Watched)) <= absentChance
}
