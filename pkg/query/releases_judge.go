package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// judged is one comparison of the two releases.
type judged struct {
	stats.Difference
	samples [2]uint64
	verdict stats.Verdict
}

// comparedKeys are the keys of what is compared beside the error groups: the Core Web Vitals and errorRate.
func comparedKeys() (keys []string) {
	for _, m := range rum.Metrics {
		if m.Core {
			keys = append(keys, m.Key)
		}
	}
	return append(keys, keyErrorRate)
}

const keyErrorRate = "errorRate"

// falseAlarm is the chance that anything in an answer is called worse or better when nothing changed. Every segment and
// metric has an equal part of it (Bonferroni), as have the error groups of a segment together.
const falseAlarm = 0.05

// errorRateScale is below what share of page visits relative changes say nothing: from 1 in 1000 to 2 in 1000 is twice
// as many, and hardly any. With stats.SmallestChange a difference matters from a quarter of a point on.
const errorRateScale = 0.05

// smallestGroup is the share of page visits, and fewestVisits the number of them, from which an error group that came
// or grew makes a release worse.
const (
	smallestGroup = 0.001
	fewestVisits  = 5
)

// judge compares what was read.
func (r *releasesOf) judge(segments []*releaseSegment) {
	family := falseAlarm / float64(max(1, len(segments))*(len(comparedKeys())+1))
	for _, s := range segments {
		for _, m := range rum.Metrics {
			if vital := s.vitals[m.Key]; m.Core && vital != nil {
				// Half of where good ends: half of that is as good as nothing for every metric.
				s.judged[m.Key] = r.judgeVital(vital, m.Good/2, family)
			}
		}
		now, before := &s.errors[0].visits, &s.errors[1].visits
		of := judged{Difference: stats.Subtract(now.Estimate(family), before.Estimate(family)), verdict: stats.Unknown}
		for i := range of.samples {
			of.samples[i] = uint64(s.errors[i].visits.Effective() + 0.5)
		}
		if min(of.samples[0], of.samples[1]) >= r.enough {
			of.verdict = of.Verdict(errorRateScale)
		}
		s.judged[keyErrorRate] = of
		r.judgeGroups(s, family/float64(max(1, len(s.groups))))
		s.conclude(r)
	}
}

func (r *releasesOf) judgeVital(of *[2]releaseVital, scale, alpha float64) judged {
	j := judged{samples: [2]uint64{of[0].samples, of[1].samples}, verdict: stats.Unknown}
	j.Difference = stats.Subtract(stats.Quantile(of[0].cells, r.level(), alpha),
		stats.Quantile(of[1].cells, r.level(), alpha))
	if min(of[0].samples, of[1].samples) >= r.enough {
		j.verdict = j.Verdict(scale)
	}
	return j
}

// The kinds of an error group's change.
const (
	groupNew  = "new"
	groupGone = "gone"
	groupMore = "more"
	groupLess = "less"
	groupSame = "same"
)

// judgeGroups tells which groups came, went or changed beyond chance. A group that was first seen in the newer release
// is new however few met it: that is known, not estimated.
func (r *releasesOf) judgeGroups(s *releaseSegment, alpha float64) {
	for _, g := range s.groups {
		var shares [2]stats.Estimate
		for i := range shares {
			share := s.errors[i].visits
			share.Hits = g.hits[i]
			shares[i] = share.Estimate(alpha)
		}
		g.difference = stats.Subtract(shares[0], shares[1])
		sure := g.visits[0]+g.visits[1] >= fewestVisits
		switch {
		case g.visits[1] == 0 && (g.firstRelease == r.newer.release || sure && g.difference.Lower > 0):
			g.kind = groupNew
		case g.visits[0] == 0 && sure && g.difference.Upper < 0:
			g.kind = groupGone
		case sure && g.difference.Lower > 0:
			g.kind = groupMore
		case sure && g.difference.Upper < 0:
			g.kind = groupLess
		default:
			g.kind = groupSame
		}
	}
}

// harms says that the group alone makes the release worse.
func (g *errorGroupChange) harms() bool {
	return g.visits[0] >= fewestVisits && g.difference.Lower > 0 && g.difference.Value >= smallestGroup
}

// conclude puts the comparisons of a segment together: one that is worse makes the release worse, whatever got better.
func (s *releaseSegment) conclude(r *releasesOf) {
	by := map[stats.Verdict][]string{}
	for _, key := range comparedKeys() {
		j, known := s.judged[key]
		if !known { // nobody reports it, as no Safari does CLS: it neither helps nor harms
			continue
		}
		by[j.verdict] = append(by[j.verdict], j.words(r.question, key))
	}
	for _, g := range s.byHarm() {
		if g.harms() {
			by[stats.Worse] = append(by[stats.Worse], g.words(r.question))
		}
	}
	order := []stats.Verdict{stats.Worse, stats.Better, stats.Unknown, stats.Same}
	s.verdict = stats.Unknown
	for _, v := range order {
		if len(by[v]) > 0 {
			s.verdict = v
			break
		}
	}
	// Something that changed, or something that cannot be told, is said first; the rest after it.
	var said []string
	for _, v := range order {
		said = append(said, by[v]...)
	}
	s.reason = strings.Join(said, "; ")
	if s.reason == "" {
		s.reason = "No page was visited on the same kind of device in both releases"
	}
}

// words are one comparison as people say it.
func (j judged) words(q *question, key string) string {
	name, unit := strings.ToUpper(key)+" "+q.percentileName(), key
	if key == keyErrorRate {
		name = "page visits with an error"
	}
	amount := func(x float64) string { return measured(unit, x) }
	if math.IsNaN(j.Lower+j.Upper) || j.verdict == stats.Unknown && min(j.samples[0], j.samples[1]) < q.enough {
		return fmt.Sprintf("%s: not enough data, %s against %s samples where both releases were", name,
			q.countOf(j.samples[0]), q.countOf(j.samples[1]))
	}
	text := fmt.Sprintf("%s %s after %s", name, amount(j.Now.Value), amount(j.Before.Value))
	by := func(x float64) string { return signed(unit, x) }
	interval := by(j.Lower) + " … " + by(j.Upper)
	switch j.verdict {
	case stats.Worse, stats.Better:
		return fmt.Sprintf("%s is %s: %s (%s)", text, j.verdict, by(j.Value), interval)
	case stats.Same:
		return fmt.Sprintf("%s is the same: %s at most", text, interval)
	default:
		return fmt.Sprintf("%s: too uncertain to tell, it could be %s", text, interval)
	}
}

// measured is a value with its unit.
func measured(key string, x float64) string {
	switch key {
	case keyErrorRate:
		return fmt.Sprintf("%.2f %%", 100*x)
	case "cls":
		return fmt.Sprintf("%.3f", x)
	default:
		return fmt.Sprintf("%.0f ms", x)
	}
}

// signed is a difference with its sign and unit; shares differ by points.
func signed(key string, x float64) string {
	text := strings.Replace(measured(key, math.Abs(x)), "%", "points", 1)
	if x < 0 {
		return "−" + text
	}
	return "+" + text
}

func (g *errorGroupChange) words(q *question) string {
	share := func(side int, of stats.Estimate) string {
		if q.hasFew(g.views[side]) {
			return fewName
		}
		return fmt.Sprintf("%.2f %%", 100*of.Value)
	}
	what := "is met more often"
	if g.kind == groupNew {
		what = "is new"
	}
	return fmt.Sprintf("error group %s %s: %s of page visits after %s",
		strings.TrimSpace(g.errorType+" "+shortened(g.message)), what,
		share(0, g.difference.Now), share(1, g.difference.Before))
}

// shortened is a message that fits into a sentence.
func shortened(message string) string {
	const longest = 80
	if runes := []rune(message); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return message
}

// byHarm are the groups: what came first, then what grew, what shrank, what went, and what did not change; those that
// changed most first.
func (s *releaseSegment) byHarm() (all []*errorGroupChange) {
	order := []string{groupNew, groupMore, groupLess, groupGone, groupSame}
	for _, g := range s.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *errorGroupChange) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.kind), slices.Index(order, b.kind)),
			cmp.Compare(b.visits[0]+b.visits[1], a.visits[0]+a.visits[1]), cmp.Compare(a.fingerprint, b.fingerprint))
	})
	return all
}
