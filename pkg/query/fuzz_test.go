package query

import (
	"context"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// FuzzQuery asks whatever the fuzzer makes up. Every question is answered or refused for a reason of its own: it never
// fails in the store, never panics, and never answers with more than it was allowed to.
func FuzzQuery(f *testing.F) {
	writePaths(f, seeder, "fuzzed")
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `"vitals"`,
		`{"queryType":"sessions","filters":[{"key":"route","operator":"!~","values":[".*"]}]}`,
		`{"queryType":"sessions","metric":"slowestRequest","environment":"*","filters":[
			{"key":"route","operator":"!=","values":["'"]},{"key":"environment","values":["production"]}]}`,
		`{"metric":"inp","percentile":"p99.9","groupBy":["route","browser"],"format":"table","compare":"previous"}`,
		`{"metric":"hero","format":"distribution","groupBy":"device","limit":1e9}`,
		`{"format":"numeric","environment":"*","groupBy":["environment","traffic"],"minSamples":1e300}`,
		`{"format":"table","compare":{"from":"2026-01-01T00:00:00Z","to":1893456000000}}`,
		`{"queryType":"errors","format":"timeseries","groupBy":["fingerprint"],"limit":1e6,
			"filters":[{"key":"errorType","operator":"=~","values":["(?i)type.*","\\pL+"]}]}`,
		`{"queryType":"errors","filters":[{"key":"release","value":null},{"key":"os","values":[1,true,"\u0000'\\"]}]}`,
		`{"queryType":"variable","dimension":"statusClass"}`, `{"queryType":"variable","dimension":"metric","app":"shop"}`,
		`{"app":"'; DROP TABLE vitals; --","environment":"{app:String}"}`,
		`{"compare":"previous","limit":0.5,"percentile":0.001}`,
		`{"queryType":"errorBursts","app":"till","window":"1m","baseline":"12h","format":"annotations"}`,
		`{"queryType":"errorBursts","format":"numeric","groupBy":["route","browser","release"],"window":"1d","baseline":"30d"}`,
		`{"queryType":"errorBursts","format":"timeseries","environment":"*","window":"-5m","limit":1e9}`,
		`{"queryType":"evidence","format":"numeric","metric":"deploys","groupBy":["route"],"compare":{"from":1,"to":2}}`,
		`{"queryType":"evidence","app":"till","filters":[{"key":"endpoint","operator":"!~","values":["'"]}]}`,
		`{"queryType":"vitalsOverview","groupBy":["route","os"],"compare":"deploy","percentile":99.9}`,
		`{"queryType":"requests","metric":"serverShare","groupBy":["statusClass"],"filters":[{"key":"kind","values":["img"]}]}`,
		`{"queryType":"requests","format":"numeric","metric":"rate"}`, `{"queryType":"requests","format":"table"}`,
		`{"queryType":"pages","metric":"dom","groupBy":["route","os"],"minSamples":1,"limit":3,"percentile":"p99"}`,
		`{"queryType":"pages","app":"gallery","format":"table","groupBy":["navigationType"],"compare":"previous"}`,
		`{"queryType":"pages","limit":1e9,"filters":[{"key":"os","operator":"!~","values":["'"]}],"compare":"deploy"}`,
		`{"queryType":"resources","groupBy":["statusClass","party","environment"],"environment":"*","compare":"deploy"}`,
		`{"queryType":"resources","compare":{"from":1,"to":2},"filters":[{"key":"host","operator":"=~","values":[".*"]}]}`,
		`{"queryType":"actions","groupBy":["kind","target"],"filters":[{"key":"target","value":"'\\{"}],"limit":1e6}`,
		`{"queryType":"actions","format":"table","environment":"*","groupBy":["environment","kind"],"minSamples":1e300}`,
		`{"queryType":"deploys","environment":"*","filters":[{"key":"release","operator":"!~","values":["1.*"]}]}`,
		`{"queryType":"session","sessionId":"session-0007","filters":[{"key":"kind","operator":"!~","values":["v.*"]}]}`,
		`{"queryType":"session","sessionId":"session-0007","format":"trace","limit":7,"environment":"staging"}`,
		`{"queryType":"session","sessionId":"'; DROP TABLE x; --\u0000","app":"{session:String}"}`,
		`{"queryType":"traces","filters":[{"key":"reason","values":[""]},{"key":"kind","operator":"!=","values":["view"]}]}`,
		`{"queryType":"traces","sessionId":"session-0007","environment":"*","limit":3}`,
		`{"queryType":"attribution","app":"kiosk","groupBy":["script","party","element"],"compare":"previous","limit":3}`,
		`{"queryType":"attribution","metric":"blocking","groupBy":["os","party"],"environment":"*","compare":"deploy",
			"filters":[{"key":"element","operator":"!~","values":["#\\w+'"]},{"key":"script","values":["a","b"]}]}`,
		`{"queryType":"attribution","metric":"cls","percentile":1,"filters":[{"key":"party","operator":"=~","values":["x|"]}]}`,
		`{"queryType":"traces","traceId":"0AF7651916CD43DD8448EB211C80319C"}`, `{"queryType":"traces","traceId":"x"}`,
		`{"queryType":"journeys","app":"fuzzed","groupBy":["browser","step"],"format":"timeseries","metric":"abandoned"}`,
		`{"queryType":"journeys","app":"fuzzed","journey":"buy","environment":"*","groupBy":["environment","release"],"limit":1e9,
			"filters":[{"key":"step","operator":"!~","values":["P.*"]},{"key":"traffic","operator":"!=","values":["bot"]}]}`,
		`{"queryType":"journeys","app":"fuzzed","section":"differences","filters":[{"key":"device","operator":"=~","value":".*"}]}`,
		`{"queryType":"journeys","app":"'","journey":"$__all","format":"timeseries"}`,
		`{"queryType":"traces","filters":[{"key":"actionId","operator":"!~","values":["'"]},{"key":"reason","value":"expired"}]}`,
		`{"queryType":"session","sessionId":"session-0007","filters":[{"key":"actionId","operator":"!=","value":""}]}`,
		`{"metric":"inp","groupBy":["route","os"],"exemplars":"true","limit":1e9}`, `{"metric":"hero","exemplars":1}`,
		`{"queryType":"requests","format":"table","groupBy":["kind"],"exemplars":true,"environment":"*"}`,
		`{"queryType":"requests","metric":"rate","exemplars":true}`, `{"queryType":"errors","exemplars":null}`,
		`{"queryType":"evidence","metric":"backend","app":"gallery","groupBy":["route","device"],"environment":"*"}`,
		`{"queryType":"telemetry","format":"timeseries","metric":"rejected","groupBy":"reason","environment":"*"}`,
		`{"queryType":"telemetry","format":"numeric","metric":"spoolLag","groupBy":["environment","reason"]}`,
		`{"queryType":"telemetry","section":"traces","groupBy":["route","environment"],"filters":[{"key":"route","value":"/"}]}`,
		`{"queryType":"telemetry","section":"cardinality","limit":1}`, `{"queryType":"telemetry","section":"storage","limit":2}`,
		`{"queryType":"telemetry","limit":3}`,
		`{"queryType":"releases","groupBy":["route","browser"],"compare":"previous","limit":1e9}`,
		`{"queryType":"releases","metric":"errorGroups","percentile":99,
			"filters":[{"key":"release","values":["1.0.0","1.1.0"]}]}`,
		`{"queryType":"releases","environment":"*","compare":"deploy",
			"filters":[{"key":"release","operator":"=~","values":["1.*"]}]}`,
		`{"queryType":"impact","metric":"cls","measure":"poor","compare":{"from":1,"to":2}}`,
		`{"queryType":"impact","metric":"hero","groupBy":["release","traffic"],"compare":"deploy","environment":"*"}`,
		`{"queryType":"impact","metric":"inp","percentile":99.9,"minSamples":1,"limit":3,
			"filters":[{"key":"os","operator":"!~","values":["'"]}]}`,
	} {
		f.Add([]byte(seed), int64(0), int64(24*time.Hour), int64(time.Hour), int64(100))
	}
	f.Add([]byte(`{"queryType":"errors","format":"timeseries"}`), int64(-1<<62), int64(1<<62), int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, query []byte, from, length, interval, points int64) {
		start := seeded.today.Add(time.Duration(from))
		got := runner.Answer(context.Background(), everyone, backend.DataQuery{RefID: "A", JSON: query,
			TimeRange: backend.TimeRange{From: start, To: start.Add(time.Duration(length))}, Interval: time.Duration(interval),
			MaxDataPoints: points})
		switch got.Status {
		case backend.StatusOK:
		case backend.StatusBadRequest, backend.StatusForbidden:
			if got.Error == nil || got.ErrorSource != backend.ErrorSourcePlugin {
				t.Fatalf("%s: refused by %s: %v", query, got.ErrorSource, got.Error)
			}
			return
		default:
			t.Fatalf("%s: status %d: %v", query, got.Status, got.Error)
		}
		if len(got.Frames) == 0 || len(got.Frames) > DefaultLimits.MaxRows {
			t.Fatalf("%s: %d frames", query, len(got.Frames))
		}
		for _, frame := range got.Frames {
			checkFrame(t, frame)
		}
	})
}

// checkFrame holds what the alerting engine demands of a frame.
func checkFrame(t testing.TB, frame *data.Frame) {
	if frame.Meta == nil || frame.Meta.TypeVersion != frameVersion || len(frame.Fields) == 0 {
		t.Fatalf("untyped frame %v", frame.Name)
	}
	rows, err := frame.RowLen()
	if err != nil || rows > max(DefaultLimits.MaxRows, maxPoints+2) {
		t.Fatalf("%d rows: %v", rows, err)
	}
	numbers := 0
	for _, field := range frame.Fields {
		if field.Type().Numeric() {
			numbers++
		}
	}
	switch frame.Meta.Type {
	case data.FrameTypeTimeSeriesMulti:
		for i := 1; i < rows; i++ {
			if !frame.Fields[0].At(i - 1).(time.Time).Before(frame.Fields[0].At(i).(time.Time)) {
				t.Fatal("times are not sorted and unique")
			}
		}
	case data.FrameTypeNumericLong:
		if frame.Fields[len(frame.Fields)-1].Nullable() {
			t.Fatal("a numeric frame has room for null, which alerting takes as NoData")
		}
	default:
		return
	}
	if numbers != 1 {
		t.Fatalf("%d value fields where alerting takes one", numbers)
	}
}
