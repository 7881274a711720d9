package store

import "github.com/sightline-rum/sightline/pkg/rum"

// commonFields are the columns every raw table starts with. item finds what all kinds of item have in common.
func commonFields[T any](item func(*T) *rum.Item) []field[T] {
	return []field[T]{
		timestamp("ts", func(_ *rum.Beacon, t *T) int64 { return item(t).TS }),
		timestamp("received_at", func(b *rum.Beacon, _ *T) int64 { return b.ReceivedAt }),
		sharedWord[T]("app", func(b *rum.Beacon) string { return b.Context.App }),
		sharedWord[T]("environment", func(b *rum.Beacon) string { return b.Context.Environment }),
		sharedWord[T]("release", func(b *rum.Beacon) string { return b.Context.Release }),
		sharedText[T]("session_id", func(b *rum.Beacon) string { return b.Context.SessionID }),
		sharedText[T]("user_key", func(b *rum.Beacon) string { return b.Context.UserKey }),
		text("view_id", func(t *T) string { return item(t).ViewID }),
		text("action_id", func(t *T) string { return item(t).ActionID }),
		text("trace_id", func(t *T) string { return item(t).TraceID }),
		text("span_id", func(t *T) string { return item(t).SpanID }),
		flag("trace_sampled", func(t *T) bool { return traceSampled(item(t)) }),
		text("request_id", func(t *T) string { return item(t).RequestID }),
		word("route", func(t *T) string { return item(t).Route }),
		word("journey", func(t *T) string { return item(t).Journey }),
		sharedWord[T]("browser", func(b *rum.Beacon) string { return b.Context.Browser }),
		sharedWord[T]("browser_version", func(b *rum.Beacon) string { return b.Context.BrowserVersion }),
		sharedWord[T]("os", func(b *rum.Beacon) string { return b.Context.OS }),
		sharedWord[T]("device", func(b *rum.Beacon) string { return b.Context.Device }),
		sharedWord[T]("country", func(b *rum.Beacon) string { return b.Context.Country }),
		sharedWord[T]("region", func(b *rum.Beacon) string { return b.Context.Region }),
		sharedWord[T]("connection", func(b *rum.Beacon) string { return b.Context.Connection }),
		word("navigation_type", func(t *T) string { return item(t).Navigation }),
		sharedWord[T]("traffic", func(b *rum.Beacon) string { return b.Context.Traffic }),
		sharedWord[T]("consent", func(b *rum.Beacon) string { return b.Context.Consent }),
		field[T]{"weight", &plain[T, uint32]{typeName: "UInt32", of: weight[T]}},
		sharedWord[T]("sdk", func(b *rum.Beacon) string { return b.Context.SDK }),
		texts("attributes", func(b *rum.Beacon, t *T) (shared, own map[string]string) {
			return b.Context.Attributes, item(t).Attributes
		}),
	}
}

func sharedText[T any](name string, of func(*rum.Beacon) string) field[T] {
	return field[T]{name, &plain[T, string]{typeName: "String", of: func(b *rum.Beacon, _ *T) string { return of(b) }}}
}

func weight[T any](b *rum.Beacon, _ *T) uint32 {
	if b.Context.Weight == 0 {
		return rum.FullWeight
	}
	return b.Context.Weight
}

func traceSampled(item *rum.Item) bool { return item.TraceID != "" && !item.Unsampled }

// party is whether a resource is the site's own.
func party(thirdParty bool) string {
	if thirdParty {
		return "third"
	}
	return "first"
}
