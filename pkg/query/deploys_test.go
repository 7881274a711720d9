package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// firstSeen is when a release was first in a real visitor's page view, in plain Go.
func firstSeen(app, environment, release string) (first time.Time) {
	for _, b := range seeded.first {
		c := b.Context
		if c.App != app || c.Environment != environment || c.Release != release || c.Traffic != rum.TrafficReal {
			continue
		}
		for _, v := range b.Views {
			if at := time.UnixMilli(v.TS).UTC(); first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}

func TestDeploysAreMarkersAndReleasesWithoutOne(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"deploys","app":"blog","format":"table"}`, whole())[0])
	require.Len(t, rows, 3, "1.0.0 has markers, so that its first sight is none of its own")
	seen := firstSeen("blog", "production", "1.0.0")

	require.Equal(t, seeded.today.Add(-20*time.Hour), rows[0]["time"])
	require.Equal(t, "Blog <b>1.0</b>, at last", rows[0]["title"], "the last one set wins")
	require.Equal(t, "deploy,production,1.0.0", rows[0]["tags"])
	require.Equal(t, "https://ci.example/1", rows[0]["url"])
	require.Equal(t, seen, rows[0]["firstSeen"])
	require.Nil(t, rows[0]["timeEnd"])

	require.Equal(t, "first seen", rows[1]["kind"])
	require.Equal(t, "1.1.0", rows[1]["release"])
	require.Equal(t, firstSeen("blog", "production", "1.1.0"), rows[1]["time"])
	require.Equal(t, "Release 1.1.0 first seen", rows[1]["title"])

	require.Equal(t, seeded.today.Add(6*time.Hour), rows[2]["time"])
	require.Equal(t, "Deploy of 1.0.0", rows[2]["title"])
	require.NotEqual(t, rows[0]["id"], rows[2]["id"])
}

func TestDeploysAsAnnotations(t *testing.T) {
	frame := frames(t, `{"queryType":"deploys","app":"blog","environment":"*"}`)[0]
	var names []string
	for _, field := range frame.Fields {
		names = append(names, field.Name)
	}
	require.Equal(t, []string{"time", "timeEnd", "title", "text", "tags", "id"}, names)
	rows := rowsOf(frame)
	require.Equal(t, "Staging", rows[len(rows)-1]["title"])
	require.Contains(t, rows[len(rows)-1]["text"], "Not yet seen in traffic")
}

func TestDeploysAreFilteredAndCut(t *testing.T) {
	staging := rowsOf(frames(t, `{"queryType":"deploys","app":"blog",
		"filters":[{"key":"environment","values":["staging"]},{"key":"release","values":["2.0.0"]}]}`)[0])
	require.Len(t, staging, 1)
	latest := frames(t, `{"queryType":"deploys","app":"blog","limit":1}`, whole())[0]
	require.Equal(t, "Deploy of 1.0.0", rowsOf(latest)[0]["title"])
	require.Contains(t, latest.Meta.Notices[0].Text, "latest 1 deploys")
	require.ErrorContains(t, ask(t, everyone, `{"queryType":"deploys","groupBy":["release"]}`).Error, "groupBy")
}
