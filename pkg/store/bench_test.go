package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// BenchmarkInsert inserts batches of page views as they come: 1 view, 5 vitals, 10 requests. CPU-seconds are those of
// this process and of the engine together. Without views, the session list, the traces, the hours and the releases are
// not kept up.
func BenchmarkInsert(b *testing.B) {
	for _, c := range []struct {
		rowsOfABatch int
		views        bool
	}{{100, true}, {1_600, true}, {16_000, true}, {48_000, true}, {48_000, false}} {
		name, rowsOfABatch := fmt.Sprintf("rows=%d", c.rowsOfABatch), c.rowsOfABatch
		if !c.views {
			name += "/no-views"
		}
		b.Run(name, func(b *testing.B) {
			s := migrated(b)
			if !c.views {
				dropViews(b, s)
			}
			beacons := make([]*rum.Beacon, rowsOfABatch/16)
			for n := range beacons {
				beacons[n] = pageView(n)
			}
			batch := NewBatch()
			total, round := 0, time.Now().UnixNano()
			own, engine := cpu(b, os.Getpid()), cpu(b, access.PID)
			for i := 0; b.Loop(); i++ {
				batch.Reset()
				for _, beacon := range beacons {
					batch.Add(beacon)
				}
				require.NoError(b, s.Insert(b.Context(), fmt.Sprintf("%d:%d", round, i), batch))
				total += batch.Rows()
			}
			own, engine = cpu(b, os.Getpid())-own, cpu(b, access.PID)-engine
			b.ReportMetric(float64(total)/(own+engine).Seconds(), "rows/CPU-s")
			b.ReportMetric(own.Seconds()*1e6/float64(total), "own-µs/row")
			b.ReportMetric(engine.Seconds()*1e6/float64(total), "engine-µs/row")
		})
	}
}

// dropViews leaves the tables that batches are inserted into.
func dropViews(b *testing.B, s *Store) {
	for _, view := range strings.Fields(ask(b, s, "SELECT name FROM system.tables\n"+
		"WHERE database = currentDatabase() AND engine = 'MaterializedView'")) {
		require.NoError(b, s.Conn().Exec(b.Context(), "DROP TABLE "+view))
	}
}

// BenchmarkStorage stores page views and merges them: bytes on disk of one, with its entries in the timeline, the session
// list and all else that is kept of it, compressed. What tells visits apart (ids, times, values) is drawn at random.
func BenchmarkStorage(b *testing.B) {
	const views = 30_000
	for b.Loop() {
		s := migrated(b)
		draw := rand.New(rand.NewPCG(1, 2))
		batch := NewBatch()
		for n := range views {
			beacon := pageView(n)
			randomise(draw, beacon, n)
			batch.Add(beacon)
			if batch.Rows() >= 48_000 || n == views-1 {
				require.NoError(b, s.Insert(b.Context(), fmt.Sprint("storage:", n), batch))
				batch.Reset()
			}
		}
		total := 0.
		for _, table := range strings.Fields(ask(b, s, "SELECT name FROM system.tables\n"+
			"WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND total_rows > 0")) {
			require.NoError(b, s.Conn().Exec(b.Context(), "OPTIMIZE TABLE "+table+" FINAL"))
			var bytes uint64
			require.NoError(b, s.Conn().QueryRow(b.Context(), "SELECT sum(data_compressed_bytes) FROM system.parts\n"+
				"WHERE database = currentDatabase() AND active AND table = '"+table+"'").Scan(&bytes))
			total += float64(bytes)
			b.ReportMetric(float64(bytes)/views, table+"-B/view")
		}
		b.ReportMetric(total/views, "all-B/view")
		var ids uint64
		require.NoError(b, s.Conn().QueryRow(b.Context(), "SELECT sum(data_compressed_bytes) FROM system.columns\n"+
			"WHERE database = currentDatabase() AND endsWith(name, '_id')").Scan(&ids))
		b.ReportMetric(float64(ids)/views, "ids-B/view")
	}
	b.ReportMetric(0, "ns/op")
}

// randomise makes a page view one of a day: five of a visit, a minute apart, with ids as browsers make them.
func randomise(draw *rand.Rand, b *rum.Beacon, n int) {
	at := noon + int64(n/5)*86_400_000/6000%80_000_000 + int64(n%5)*60_000
	b.ReceivedAt = at + 3000
	b.Context.SessionID = fmt.Sprintf("%016x", rand.New(rand.NewPCG(7, uint64(n/5))).Uint64())
	view := fmt.Sprintf("%016x", draw.Uint64())
	trace := fmt.Sprintf("%016x%016x", draw.Uint64(), draw.Uint64())
	b.EachItem(func(item *rum.Item) {
		item.TS, item.ViewID = at+draw.Int64N(4000), view
		if item.TraceID != "" {
			item.TraceID, item.SpanID = trace, fmt.Sprintf("%016x", draw.Uint64())
		}
	})
	for i := range b.Vitals {
		v := &b.Vitals[i]
		v.MetricID = fmt.Sprintf("v5-%d-%013d", at, draw.Int64N(9e12))
		v.ReportedAt, v.Value = at+3000, math.Round(1000*math.Exp(draw.NormFloat64()*0.6))
	}
	for i := range b.Requests {
		r := &b.Requests[i]
		r.Duration = float32(math.Round(100 * math.Exp(draw.NormFloat64()*0.6)))
	}
}

func pageView(n int) *rum.Beacon {
	b := visit(n, noon+int64(n))
	b.Context.SessionID = fmt.Sprintf("%032x", n/5)
	b.Context.Attributes = map[string]string{"plan": "pro"}
	view, vital, request, traced := b.Views[0], b.Vitals[0], b.Requests[1], b.Requests[0]
	view.Attributes, vital.Attributes, request.Attributes, traced.Attributes = nil, nil, nil, nil
	b = &rum.Beacon{ReceivedAt: b.ReceivedAt, Context: b.Context, Views: []rum.View{view}, Requests: []rum.Request{traced}}
	for i := range 5 {
		vital.Metric, vital.MetricID = rum.Metrics[i].Key, fmt.Sprintf("v5-%d-%d", n, i)
		vital.Value = float64(n*7919%4000) / 3
		b.Vitals = append(b.Vitals, vital)
	}
	for i := range 9 {
		request.Path = fmt.Sprintf("/assets/%d/%d.js", n%50, i)
		b.Requests = append(b.Requests, request)
	}
	return b
}

// cpu is the time a process has used, in user and kernel mode.
func cpu(t testing.TB, pid int) time.Duration {
	if pid == os.Getpid() {
		var usage syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
