package store

import "github.com/sightline-rum/sightline/pkg/rum"

type blocking = rum.Blocking

func newBlocking() *table[blocking] {
	return &table[blocking]{name: "blocking", fields: append(commonFields(func(b *blocking) *rum.Item { return &b.Item }),
		text("script_url", func(b *blocking) string { return b.ScriptURL }),
		word("host", func(b *blocking) string { return b.Host }),
		word("party", func(b *blocking) string { return party(b.ThirdParty) }),
		text("invoker", func(b *blocking) string { return b.Invoker }),
		number("blocking", func(b *blocking) float32 { return b.Blocking }),
		number("duration", func(b *blocking) float32 { return b.Duration }),
		number("frames", func(b *blocking) uint16 { return b.Frames }),
	)}
}
