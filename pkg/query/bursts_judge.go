package query

import (
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// judge says of what kind a window is, when the group's events from window since on are not its history.
func (h *burstHistory) judge(g *burstGroup, at, gap, since int) (stats.Kind, stats.Burst, stats.Expectation) {
	sightings := stats.Sightings{Window: h.tiles.start(since), First: g.firstSeen, Watched: g.appStart - since,
		Sessions: g.sessions[at]}
	if g.firstSeen.IsZero() {
		sightings.First = time.Unix(0, 0) // its record is gone, it is not
	}
	if !slices.ContainsFunc(g.returns, func(back int) bool { return at <= back && back <= since }) {
		sightings.Before = sightings.Window.Add(-time.Millisecond)
	}
	if sightings.Reason() == stats.Surging && g.counts[at] < stats.BurstEvents*g.weight {
		return stats.Usual, stats.Burst{}, stats.Expectation{} // most windows: their history need not be fitted
	}
	expectation := h.expect(g, sightings.Reason(), at, gap, since)
	verdict := expectation.Test(g.counts[at], sightings.Sessions)
	return sightings.Kind(verdict), verdict, expectation
}

// expect reads from the history before a window how many events are usual in it. The history of a group that was not
// there before ends where the group begins: it has no slow beginning that a gap would have to keep out, and an app of a
// few hours has no history to waste on one.
func (h *burstHistory) expect(g *burstGroup, reason stats.Kind, at, gap, since int) stats.Expectation {
	if reason == stats.New || reason == stats.Regressed {
		gap = since - at
	}
	return h.tiles.before(g, at, gap).Expect()
}

// gap keeps a burst out of its own baseline as it goes on.
func (h *burstHistory) gap(b *burst, at int) int {
	return burstLead + max(0, min(b.first-at, h.tiles.reach))
}

// expectIn is how many events would be usual in a window if the burst were not there.
func (h *burstHistory) expectIn(b *burst, at int) stats.Expectation {
	return h.expect(b.group, b.kind, at, h.gap(b, at), max(at, b.since))
}

// burstsOf walks through the windows from the oldest on and returns the bursts in them, the oldest first.
func (h *burstHistory) burstsOf(g *burstGroup, oldest int) []*burst {
	var found []*burst
	var open *burst
	for at := oldest; at >= 0; at-- {
		if g.sessions[at] < stats.BurstSessions {
			continue
		}
		if open != nil && open.last-at > burstPause+1 {
			open = nil
		}
		gap, since := burstLead, at+burstPause
		if open != nil {
			gap, since = h.gap(open, at), min(open.since, at+h.tiles.reach)
		}
		kind, verdict, expectation := h.judge(g, at, gap, since)
		if kind == stats.Usual {
			continue
		}
		if open == nil {
			open = &burst{group: g, kind: kind, first: at, since: since, dispersion: expectation.Dispersion, shown: verdict}
			found = append(found, open)
		}
		open.last = at
		if verdict.Score > open.shown.Score {
			open.shown = verdict
		}
	}
	return found
}

// burstsWithin are those of the query's time range. They may have begun before it.
func (h *burstHistory) burstsWithin(g *burstGroup) []*burst {
	all := h.burstsOf(g, h.tiles.within-1+h.tiles.reach)
	return slices.DeleteFunc(all, func(b *burst) bool { return b.last >= h.tiles.within })
}

// burstNow is the burst that a group is in, with the numbers of window 0, or nil.
func (h *burstHistory) burstNow(g *burstGroup) *burst {
	recently := false
	for at := range burstPause + 1 {
		recently = recently || g.sessions[at] >= stats.BurstSessions
	}
	if !recently {
		return nil
	}
	all := h.burstsOf(g, h.tiles.reach)
	if len(all) == 0 || !all[len(all)-1].goesOn() {
		return nil
	}
	b := all[len(all)-1]
	b.shown = h.expectIn(b, 0).Test(g.counts[0], g.sessions[0])
	return b
}
