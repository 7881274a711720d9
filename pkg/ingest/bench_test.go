//go:build unix

package ingest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDecode is what each format costs from the body's bytes to the normal form, on what real clients send, in
// processor time: on a busy machine, the time of day says little.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name, format, file, media string
		received                  int64
	}{
		{"faro-1kB", "faro", "faro/02-layout-shift.json", "application/json", captured},
		{"faro-5kB", "faro", "faro/04-interaction.json", "application/json", captured},
		{"otlp-logs-json", "otlp-logs", "otlp/logs-load.json", "application/json", capturedOTLP},
		{"otlp-logs-protobuf", "otlp-logs", "otlp/logs-load.pb", mediaProtobuf, capturedOTLP},
		{"otlp-traces-json", "otlp-traces", "otlp/traces-load.json", "application/json", capturedOTLP},
		{"otlp-traces-protobuf", "otlp-traces", "otlp/traces-load.pb", mediaProtobuf, capturedOTLP},
		{"web-vitals", "web-vitals", "vitals/metric.json", "text/plain", capturedVitals},
		{"boomerang", "boomerang", "boomerang/load.txt", "application/x-www-form-urlencoded", capturedBoomerang},
		{"reports", "reports", "reports/several.json", "application/reports+json", capturedOTLP},
	} {
		b.Run(c.name, func(b *testing.B) {
			body, err := os.ReadFile(filepath.Join("testdata", c.file))
			require.NoError(b, err)
			f, memory := formatNamed(c.format), newTold(nil)
			p := &payload{body: body, query: query, mediaType: c.media, received: c.received}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			began := processorTime(b)
			for b.Loop() {
				decoder := f.reader(testLimits, memory)
				d := decoder.result()
				d.reset(c.received, 0)
				if err := decoder.decode(p); err != nil {
					b.Fatal(err)
				}
				for _, part := range d.parts {
					d.part = part
					d.context()
					d.beacon.Context.App = d.claims.appName
					d.finish()
				}
				f.release(decoder)
			}
			b.ReportMetric(float64(processorTime(b)-began)/1e3/float64(b.N), "CPU-µs/op")
		})
	}
}

// processorTime is what this process has used, user and system, in ns.
func processorTime(b *testing.B) int64 {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}
