package ingest

import (
	"math"
)

// takeBlocking reads the event of our own agent for which Faro has none: one script's share of the main thread in a view,
// in ms, and in how many frames. A script without an address is one that the browser did not name.
func (d *reading) takeBlocking(i *item) string {
	blocking := i.millis("blocking")
	if blocking == 0 {
		return "a blocking script without its time"
	}
	b := next(&d.beacon.Blocking)
	b.Item = i.base()
	b.ScriptURL = cut(i.attribute("script"), maxURL)
	b.Host, _ = hostAndPath(b.ScriptURL)
	b.Host = cut(b.Host, maxName)
	b.Invoker = cut(i.attribute("invoker"), maxSelector)
	b.Blocking = blocking
	b.Duration = i.millis("duration")
	b.Frames = uint16(min(i.number("frames"), math.MaxUint16))
	return ""
}
