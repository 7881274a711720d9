package store

import "github.com/sightline-rum/sightline/pkg/rum"

type action = rum.Action

func newActions() *table[action] {
	return &table[action]{name: "actions", fields: append(commonFields(func(a *action) *rum.Item { return &a.Item }),
		word("kind", func(a *action) string { return a.Kind }),
		text("name", func(a *action) string { return a.Name }),
		text("target", func(a *action) string { return a.Target }),
		number("duration", func(a *action) float32 { return a.Duration }),
	)}
}
