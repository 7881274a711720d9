package ingest

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeLog turns a log line into an event. A console.error that Faro was told to report as a log (consoleErrorAsLog)
// is an error all the same: it carries the prefix Faro's console instrumentation writes. An app's own lines of level
// error stay log lines, because an app logs them on purpose, often next to the exception itself.
func (d *reading) takeLog(i *item) string {
	if i.message == "" {
		return "a log line without a message"
	}
	if message, console := strings.CutPrefix(i.message, consolePrefix); console && i.level == "error" {
		e := next(&d.beacon.Errors)
		e.Item = i.base()
		e.Kind = "console"
		e.Type = cut(i.attribute("type"), maxName)
		e.Message = message
		e.Handled = true
		return ""
	}
	e := next(&d.beacon.Events)
	e.Item = i.base()
	e.Kind = rum.EventLog
	e.Level = level(i.level)
	e.Message = i.message
	e.Attributes = copyAttributes(i.attributes, func(key string) bool { return i.kept != nil && i.kept(key) || isCorrelating(key) })
	return ""
}

func level(s string) string {
	switch s {
	case "trace", "debug", "info", "log", "warn", "error":
		return s
	case "warning":
		return "warn"
	default:
		return "log"
	}
}
