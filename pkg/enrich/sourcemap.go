package enrich

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

// sourcemap reads the stacks of errors with the maps that were uploaded for the app's release. A stack of which no
// frame has a map stays as the browser wrote it, and nothing is ever fetched to change that.
func (p *Pipeline) sourcemap(b *rum.Beacon) {
	if p.maps == nil || len(b.Errors) == 0 {
		return
	}
	c := &b.Context
	for i := range b.Errors {
		e := &b.Errors[i]
		if mapped, any := mapFrames(p.maps, c.App, c.Release, e.Frames); any {
			e.Mapped = mapped
			p.count(c.App, c.Environment, "source_mapped", "", 1)
		}
	}
}

// mapFrames reads a stack, top first. A map tells the name of what stands at a position, and at the position of a frame
// stands the call that leads on to the frame above: so a function's own name is what its caller's position names.
func mapFrames(maps *sourcemap.Store, app, release string, frames []rum.Frame) (mapped []rum.Frame, any bool) {
	var called string // what the frame below calls this one
	mapped = make([]rum.Frame, len(frames))
	for i := len(frames) - 1; i >= 0; i-- {
		f := &frames[i]
		mapped[i] = *f
		at, ok := maps.Find(app, release, f.File, f.Line, f.Column)
		if ok {
			any = true
			mapped[i] = rum.Frame{
				Function: originalName(f.Function, called), File: at.File, Line: at.Line, Column: at.Column, Module: f.Module,
			}
		}
		called = at.Name
	}
	return mapped, any
}

// originalName is a function's name in the source: what its caller calls it, else what is left of it in the bundle when
// that is more than the letter a minifier gave it.
func originalName(minified, called string) string {
	prefix := ""
	for _, word := range [...]string{"async ", "new "} {
		if rest, found := strings.CutPrefix(minified, word); found {
			prefix, minified = word, rest
		}
	}
	if called != "" && (minified != "" || !takesCallback[called]) {
		minified = called
	} else if receiver, method, found := strings.Cut(minified, "."); found && len(receiver) <= 2 {
		minified = method
	}
	if len(minified) <= 2 {
		return ""
	}
	return prefix + minified
}

// takesCallback are functions of the language and the browser that call a function given to them. Clients may leave
// their frames out of a stack, and then the function seems to be called by their name.
var takesCallback = map[string]bool{
	"apply": true, "call": true, "forEach": true, "map": true, "filter": true, "reduce": true, "reduceRight": true,
	"find": true, "findIndex": true, "findLast": true, "some": true, "every": true, "flatMap": true, "sort": true, "from": true,
	"replace":    true,
	"replaceAll": true, "then": true, "catch": true, "finally": true, "Promise": true, "setTimeout": true, "setInterval": true,
	"queueMicrotask": true, "requestAnimationFrame": true, "requestIdleCallback": true, "addEventListener": true,
	"parse": true, "stringify": true,
}
