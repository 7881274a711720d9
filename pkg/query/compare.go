package query

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// What "compare" may be as a word. With a deploy, the time since it is held against as much time before it.
const (
	comparePrevious = "previous"
	compareDeploy   = "deploy"
)

// readCompare reads what tables are held against; evidence always is, as is impact: with the window before unless the
// query says otherwise.
func (q *question) readCompare(Settings) error {
	if q.Compare == (compare{}) && q.kind.name == "impact" {
		q.Compare.word = comparePrevious
	}
	if q.Compare == (compare{}) || !q.kind.compares {
		return nil
	}
	var baseline window
	switch {
	case q.Compare.word == comparePrevious:
		baseline = q.window.before()
	case q.Compare.word == compareDeploy: // known once the store has said when it was
	case q.Compare.word != "":
		return unknown("compare", q.Compare.word, []string{comparePrevious, compareDeploy})
	case q.Compare.from.Before(q.Compare.to):
		baseline = window{from: q.Compare.from, to: q.Compare.to}.clamped()
	default:
		return badRequest("compare: from %s is not before to %s", q.Compare.from, q.Compare.to)
	}
	if q.Format == formatTable || q.kind.name == "evidence" {
		q.baseline = baseline
	}
	return nil
}

// aroundDeploy moves the question's window to begin at the last deploy in or before it, and the baseline to end there.
// The window then ends where it did, or is as long as it was when the deploy lies before it; both are equally long. The
// notice says what was compared, or that there is no deploy to compare with.
func (q *question) aroundDeploy(ctx context.Context, conn driver.Conn) ([]data.Notice, error) {
	if q.Compare.word != compareDeploy || q.Format != formatTable {
		return nil, nil
	}
	kind, err := typeByName("deploys")
	if err != nil {
		return nil, err
	}
	// Of the filters only those that choose environments say which deploys matter: a browser has none of its own.
	asked := question{Query: q.Query, kind: kind, limits: q.limits}
	for _, f := range q.filters {
		if f.key == "environment" {
			asked.filters = append(asked.filters, f)
		}
	}
	deploys, err := asked.deploysWithin(ctx, conn, window{from: firstMoment, to: q.window.to}, 1)
	q.executed = append(q.executed, asked.executed...)
	if err != nil {
		return nil, err
	}
	if len(deploys) == 0 {
		return []data.Notice{info("No deploy marker and no release is known before %s: there is nothing to compare with.",
			q.window.to.Format(time.RFC3339))}, nil
	}
	last := deploys[0]
	length := q.window.length()
	if last.at.After(q.window.from) {
		length = q.window.to.Sub(last.at)
	}
	q.window = window{from: last.at, to: last.at.Add(length)}
	q.baseline = window{from: last.at.Add(-length), to: last.at}.clamped()
	return []data.Notice{info("%s, %s: the %s after it are compared with the %s before it.",
		last.name(), last.at.UTC().Format(time.RFC3339), written(length), written(length))}, nil
}

// written is a length of time to the minute, or to the second when it is short.
func written(d time.Duration) string {
	if d >= 10*time.Minute {
		d = d.Round(time.Minute)
	} else {
		d = d.Round(time.Second)
	}
	return fmt.Sprint(d)
}
