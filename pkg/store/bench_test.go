package store

import (
	"fmt"
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
// this process and of the engine together.
func BenchmarkInsert(b *testing.B) {
	for _, rowsOfABatch := range []int{100, 1_600, 16_000, 48_000} {
		b.Run(fmt.Sprintf("rows=%d", rowsOfABatch), func(b *testing.B) {
			s := migrated(b)
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
