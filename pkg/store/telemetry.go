package store

import "github.com/sightline-rum/sightline/pkg/rum"

type count = rum.Count

func newCounts() *table[count] {
	return &table[count]{name: "telemetry_1m", fields: []field[count]{
		word("app", func(c *count) string { return c.App }),
		word("environment", func(c *count) string { return c.Environment }),
		minute("minute", func(c *count) int64 { return c.Minute }),
		word("counter", func(c *count) string { return c.Counter }),
		word("reason", func(c *count) string { return c.Reason }),
		number("value", func(c *count) int64 { return c.Value }),
	}}
}
