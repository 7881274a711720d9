package store

import "github.com/sightline-rum/sightline/pkg/rum"

type event = rum.Event

func newEvents() *table[event] {
	return &table[event]{name: "events", fields: append(commonFields(func(e *event) *rum.Item { return &e.Item }),
		word("kind", func(e *event) string { return e.Kind }),
		text("name", func(e *event) string { return e.Name }),
		word("level", func(e *event) string { return e.Level }),
		text("message", func(e *event) string { return e.Message }),
	)}
}
