package store

import "github.com/sightline-rum/sightline/pkg/rum"

// receivedDeploy is a deploy marker and when it came: the latest of the same marker wins.
type receivedDeploy struct {
	rum.Deploy
	receivedAt int64
}

func newDeploys() *table[receivedDeploy] {
	return &table[receivedDeploy]{name: "deploys", fields: []field[receivedDeploy]{
		word("app", func(d *receivedDeploy) string { return d.App }),
		word("environment", func(d *receivedDeploy) string { return d.Environment }),
		timestamp("ts", func(_ *rum.Beacon, d *receivedDeploy) int64 { return d.TS }),
		text("release", func(d *receivedDeploy) string { return d.Release }),
		text("title", func(d *receivedDeploy) string { return d.Title }),
		text("url", func(d *receivedDeploy) string { return d.URL }),
		timestamp("received_at", func(_ *rum.Beacon, d *receivedDeploy) int64 { return d.receivedAt }),
	}}
}
