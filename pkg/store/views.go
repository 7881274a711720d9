package store

import "github.com/sightline-rum/sightline/pkg/rum"

type view = rum.View

func newViews() *table[view] {
	return &table[view]{name: "views", fields: append(commonFields(func(v *view) *rum.Item { return &v.Item }),
		text("path", func(v *view) string { return v.Path }),
		word("kind", func(v *view) string { return v.Kind }),
		number("duration", func(v *view) float32 { return v.Duration }),
		number("redirect", func(v *view) float32 { return v.Redirect }),
		number("dns", func(v *view) float32 { return v.DNS }),
		number("tcp", func(v *view) float32 { return v.TCP }),
		number("tls", func(v *view) float32 { return v.TLS }),
		number("request", func(v *view) float32 { return v.Request }),
		number("response", func(v *view) float32 { return v.Response }),
		number("dom", func(v *view) float32 { return v.DOM }),
		number("dom_content_loaded", func(v *view) float32 { return v.DOMContentLoaded }),
		number("load", func(v *view) float32 { return v.Load }),
		number("ttfb", func(v *view) float32 { return v.TTFB }),
		number("server", func(v *view) float32 { return v.Server }),
		number("transfer_size", func(v *view) uint32 { return v.TransferSize }),
		text("previous_view_id", func(v *view) string { return v.PreviousViewID }),
		sharedWord[view]("language", func(b *rum.Beacon) string { return b.Context.Language }),
		sharedWord[view]("viewport", func(b *rum.Beacon) string { return b.Context.Viewport }),
	)}
}
