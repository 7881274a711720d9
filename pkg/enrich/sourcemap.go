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
			mapped[i] = rum.Frame{Function: f.Function, File: at.File, Line: at.Line, Column: at.Column, Module: f.Module}
			if called != "" {
				mapped[i].Function = originalName(f.Function, called)
			}
		}
		called = at.Name
	}
	return mapped, any
}

// originalName keeps what a minifier leaves of a name: the class before a method, and async and new.
func originalName(minified, called string) string {
	if dot := strings.LastIndexByte(minified, '.'); dot >= 0 && minified[dot+1:] == called {
		return minified
	}
	for _, prefix := range [...]string{"async ", "new "} {
		if strings.HasPrefix(minified, prefix) {
			return prefix + called
		}
	}
	return called
}
