package query

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// part is one of the sub-parts a metric is made of: the field's name, how people call it, the SQL expression over a
// vital's columns, and what to do when it is most of the value.
type part struct {
	field, name, expr, remedy string
}

// partsOf are the sub-parts of each metric; they add up to its value. Names and remedies:
// https://web.dev/articles/optimize-lcp, https://web.dev/articles/optimize-inp, https://web.dev/articles/optimize-cls
var partsOf = map[string][]part{
	"lcp": {
		{"ttfb", "time to first byte", "parts['time_to_first_byte']",
			"answer sooner: cache the page, move it closer, redirect less"},
		{"loadDelay", "load delay", "parts['resource_load_delay']",
			"let the browser find the resource at once: in the HTML, not lazy, with high fetch priority"},
		{"load", "load", "parts['resource_load_duration']",
			"send fewer bytes: right size, better compression, a CDN"},
		{"renderDelay", "render delay", "parts['element_render_delay']",
			"let it paint: less render-blocking CSS and script, no rendering in the browser"},
	},
	"inp": {
		{"inputDelay", "input delay", "parts['input_delay']",
			"free the main thread: break up or postpone the tasks that run before the interaction"},
		{"processing", "processing", "parts['processing_duration']",
			"shorten the event handlers: do less, or yield before what need not be painted first"},
		{"presentation", "presentation", "parts['presentation_delay']",
			"paint less: smaller DOM, no forced layout, content-visibility"},
	},
	"cls": {
		{"largestShift", "largest shift", "parts['largest_shift_value']",
			"reserve the element's space: width and height, aspect-ratio or min-height"},
		{"otherShifts", "other shifts", "greatest(value - parts['largest_shift_value'], 0)",
			"many small shifts: insert nothing above what is shown, animate with transform only"},
	},
}

// partsTold is what a row's poor views tell of their sub-parts, in the order of partsOf.
type partsTold struct {
	samples        uint64    // poor views that tell them
	weight, square float64   // sums of their weights and of the squares
	value          float64   // mean over the middle half
	means          []float64 // the same of each part
	largest        []float64 // weight of the views whose largest part it is
}

// fewestPoor is how many poor views have to tell their sub-parts, unless the question is content with fewer samples.
const fewestPoor = 10

// enoughPoor says whether so many poor views say something about all.
func (q *question) enoughPoor(samples uint64) bool {
	return samples > 0 && samples >= min(q.enough, fewestPoor)
}

// dominant is the part with the largest mean; -1 when too few views tell.
func (c *culprit) dominant(q *question) int {
	if !q.enoughPoor(c.told.parts.samples) {
		return -1
	}
	most := -1
	for i, mean := range c.told.parts.means {
		if mean > 0 && (most < 0 || mean > c.told.parts.means[most]) {
			most = i
		}
	}
	return most
}

// todo says what to do about a row, or nothing where the data does not say: a sub-part has to be the largest one in
// more than half of the poor views beyond chance (Wilson's lower bound), as has a script that is named with it, and a
// blocking script has to block in poor views more
// often than in good ones beyond chance.
func (c *culprit) todo(q *question) string {
	if c.blocking != nil {
		return c.blocking.todo(c)
	}
	i := c.dominant(q)
	if i < 0 {
		return ""
	}
	parts := c.told.parts
	n := stats.EffectiveSize(parts.weight, parts.square)
	if low, _ := stats.Wilson(parts.largest[i]/parts.weight*n, n); low <= 0.5 {
		return ""
	}
	p := partsOf[c.metric.Key][i]
	todo := p.name + ": " + p.remedy
	if c.told.script == "" {
		return todo
	}
	// Only the views that name a script say whether it is this one.
	n = stats.EffectiveSize(c.told.scriptWeight, c.told.scriptSquare)
	if low, _ := stats.Wilson(c.told.scriptShare*n, n); low > 0.5 {
		todo += "; longest script: " + fileOf(c.told.script)
	}
	return todo
}

// fileOf is the last part of a script's address, which is how people call it.
func fileOf(url string) string {
	bare, _, _ := strings.Cut(url, "?")
	if i := strings.LastIndexByte(strings.TrimSuffix(bare, "/"), '/'); i >= 0 && i+1 < len(bare) {
		return bare[i+1:]
	}
	return url
}
