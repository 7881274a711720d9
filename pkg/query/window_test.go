package query

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStepsAreReadable(t *testing.T) {
	day := window{from: time.Unix(0, 0), to: time.Unix(86400, 0)}
	require.Equal(t, 2*time.Minute, stepFor(day, 0, 0))
	require.Equal(t, 10*time.Minute, stepFor(day, 0, 200))
	require.Equal(t, time.Minute, stepFor(day, 45*time.Second, 5000))
	require.Equal(t, time.Hour, stepFor(day, time.Hour, 5000))
}

func TestASeriesIsBoundedAndOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.UnixMilli(rapid.Int64Range(0, lastMoment.UnixMilli()-1).Draw(t, "from"))
		w := window{from, from.Add(time.Duration(rapid.Int64Range(1e6, 4e18).Draw(t, "length")))}.clamped()
		if w.empty() {
			t.Fatalf("a window that begins before the last moment is empty: %v", w)
		}
		step := stepFor(w, time.Duration(rapid.Int64().Draw(t, "interval")), rapid.Int64().Draw(t, "points"))
		grid := w.grid(step)
		if len(grid) == 0 || len(grid) > maxPoints+2 {
			t.Fatalf("%d points", len(grid))
		}
		if grid[0] > w.from.UnixMilli() || grid[len(grid)-1] >= w.to.UnixMilli() {
			t.Fatalf("%v … %v for %v", grid[0], grid[len(grid)-1], w)
		}
	})
}

func TestARangeBeyondTheStoresDatesIsCut(t *testing.T) {
	w, err := windowOf(backend.TimeRange{From: time.Time{}, To: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	require.Equal(t, window{firstMoment, lastMoment}, w)
	_, err = windowOf(backend.TimeRange{})
	require.ErrorContains(t, err, "time range is empty")
}

func TestTheWindowBefore(t *testing.T) {
	w := window{time.Unix(7200, 0).UTC(), time.Unix(10800, 0).UTC()}
	require.Equal(t, window{time.Unix(3600, 0).UTC(), time.Unix(7200, 0).UTC()}, w.before())
	require.True(t, window{time.Unix(0, 0), time.Unix(1, 0)}.before().empty(), "nothing lies before 1970")
}
