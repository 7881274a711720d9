package query

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// rolledShop is the seeded shop in a database of its own, with all of its hours in the roll-ups.
type rolledShop struct {
	*Runner
	writer *store.Store
	hours  window
}

func newRolledShop(t testing.TB, visits *shop) *rolledShop {
	t.Helper()
	ctx := t.Context()
	name := fmt.Sprintf("rolled%d", time.Now().UnixNano())
	login := access.Writer
	require.NoError(t, seeder.Conn().Exec(ctx, "CREATE DATABASE "+name))
	writer, err := store.Open(store.FromAccess(access.Address, name, login.User, login.Password))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, writer.Close())
		require.NoError(t, seeder.Conn().Exec(context.Background(), "DROP DATABASE "+name))
	})
	require.NoError(t, writer.Migrate(ctx))
	require.NoError(t, visits.insert(ctx, writer))
	rollUp(t, writer, "shop", whole())
	return &rolledShop{&Runner{Conn: writer.Conn(), Settings: runner.Settings}, writer, whole()}
}

// pays says from when on a roll-up pays, until the test ends: everything here is small.
func pays(t testing.TB, rows, ofACell uint64) {
	rowsBefore, ofACellBefore := fewestRows, rowsOfACell
	t.Cleanup(func() { fewestRows, rowsOfACell = rowsBefore, ofACellBefore })
	fewestRows = rows
	rowsOfACell = map[string]uint64{"vitals": ofACell, "vitalsOverview": ofACell, "requests": ofACell, "errors": ofACell}
}

// fallBehind makes the roll-ups wrong for some hours, as they are after an erasure until the hours are rolled again:
// what they hold is not what there is, and the hours count more rows than are covered.
func (s *rolledShop) fallBehind(t *testing.T, hours []int) (catchUp func()) {
	if len(hours) == 0 {
		return func() {}
	}
	list := make([]string, 0, len(hours))
	for _, h := range hours {
		list = append(list, fmt.Sprint(s.hours.from.Add(time.Duration(h)*time.Hour).Unix()))
	}
	in := strings.Join(list, ", ")
	put := func(sign int) {
		ctx := context.Background()
		for i := range rollups {
			r := &rollups[i]
			columns := append([]string{r.marker, r.at, "environment", "traffic"}, r.dimensions[3:]...)
			columns = unique(columns)
			if r.of != tableErrors {
				columns = append(columns, "bucket")
			}
			require.NoError(t, s.writer.Conn().Exec(ctx, fmt.Sprintf("INSERT INTO %[1]s (app, %[2]s, samples, weight)\n"+
				"SELECT app, %[2]s, %[3]d * 7, if(%[4]s = '', %[3]d * -1, %[3]d * 7000) FROM %[1]s\n"+
				"WHERE toUnixTimestamp(toStartOfHour(%[5]s)) IN (%[6]s) GROUP BY ALL", r.name, strings.Join(columns, ", "), sign,
				r.marker, r.at, in)))
		}
	}
	put(1)
	return func() { put(-1) }
}

func unique(names []string) (once []string) {
	for _, name := range names {
		if !strings.Contains(" "+strings.Join(once, " ")+" ", " "+name+" ") {
			once = append(once, name)
		}
	}
	return once
}

// rolledQuestion is a question that some roll-up can answer, and which hours are behind.
type rolledQuestion struct {
	query  map[string]any
	first  time.Duration // from the beginning of the seeded days
	length time.Duration
	behind []int // hours from there
}

func (s *rolledShop) ask(asked rolledQuestion) backend.DataResponse {
	return s.askText(jsonOf(asked.query), asked)
}

func (s *rolledShop) askText(query string, asked rolledQuestion) backend.DataResponse {
	from := s.hours.from.Add(asked.first)
	return s.Answer(context.Background(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(query),
		TimeRange: backend.TimeRange{From: from, To: from.Add(asked.length)}, Interval: time.Hour, MaxDataPoints: 1000})
}

func anyRolledQuestion(t *rapid.T) rolledQuestion {
	minutes := func(name string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, name)) * time.Minute
	}
	return rolledQuestion{anyRolledQuery(t), minutes("first", 0, 12*60), minutes("length", 25*60, 36*60),
		rapid.SliceOfNDistinct(rapid.IntRange(0, 47), 0, 12, rapid.ID[int]).Draw(t, "behind")}
}

func anyRolledQuery(t *rapid.T) map[string]any {
	pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	q := map[string]any{"app": "shop", "minSamples": rapid.IntRange(1, 20).Draw(t, "minSamples"),
		"limit": rapid.IntRange(1, 40).Draw(t, "limit")}
	segments := [][]string{{"route", "device"}, {"route", "release"}, {"route", "country"}, {"route", "browser"}}
	base := []string{"environment", "traffic"}
	switch pick("type", "vitals", "vitalsOverview", "requests", "errors") {
	case "vitals":
		q["metric"] = pick("metric", "lcp", "inp", "cls", "ttfb", "hero")
		q["format"] = pick("format", "table", "numeric", "timeseries", "distribution")
		if q["format"] == "table" && rapid.Bool().Draw(t, "compare") {
			q["compare"] = "previous"
		}
		if q["metric"] != "hero" && (q["format"] == "timeseries" || q["format"] == "numeric") {
			q["measure"] = pick("measure", "percentile", "good", "needsImprovement", "poor")
		}
	case "vitalsOverview":
		q["queryType"] = "vitalsOverview"
	case "requests":
		q["queryType"] = "requests"
		q["format"] = pick("format", "table", "numeric", "timeseries")
		if q["format"] != "table" {
			q["metric"] = pick("metric", "duration", "errorRate", "rate", "count", "serverShare")
		}
		segments = [][]string{{"endpoint", "route"}, {"endpoint", "release"}, {"host", "method", "kind"}}
	case "errors":
		q["queryType"], q["format"] = "errors", "timeseries"
		segments = [][]string{{"fingerprint", "release"}}
	}
	q["percentile"] = rapid.SampledFrom([]float64{50, 75, 90, 99}).Draw(t, "percentile")
	keys := append(rapid.SampledFrom(segments).Draw(t, "segments"), base...)
	q["groupBy"] = rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 0, 3, rapid.ID[string]).Draw(t, "groupBy")
	if rapid.Bool().Draw(t, "filtered") {
		key := rapid.SampledFrom(keys).Draw(t, "filter")
		values := map[string][]string{"environment": {"production", "staging"}, "traffic": {"real", "bot"},
			"device": {"mobile", "desktop"}, "route": {"/", "/checkout"}, "release": {"1.0.0", "1.1.0"},
			"browser": {"Chrome", "Safari"}, "country": {"DE", "US"}, "fingerprint": {"group-0", "group-2"},
			"endpoint": {"/pay"}, "host": {"api.shop"}, "method": {"GET"}, "kind": {"fetch"}}[key]
		q["filters"] = []map[string]any{{"key": key, "operator": pick("operator", "=", "!=", "=~", "!~"),
			"values": []string{rapid.SampledFrom(values).Draw(t, "value")}}}
	}
	return q
}

// Whatever is asked, and whichever hours are behind: samples, counts and ratings from roll-ups are those from rows, and
// percentiles are within 1 %. So are their intervals where visits were recorded at one rate.
func TestRollUpsAnswerAsRowsDo(t *testing.T) {
	for _, c := range []struct {
		name    string
		visits  *shop
		oneRate bool
	}{{"as sampled", seeded, false}, {"at one rate", seeded.atOneRate(), true}} {
		t.Run(c.name, func(t *testing.T) {
			shop := newRolledShop(t, c.visits)
			pays(t, 0, 0)
			answered := 0
			for i := range 40 {
				asked := rapid.Custom(anyRolledQuestion).Example(i)
				fewestRows = math.MaxUint64
				rows := shop.ask(asked)
				catchUp := shop.fallBehind(t, asked.behind)
				fewestRows = 0
				cells := shop.ask(asked)
				catchUp()
				require.NoError(t, rows.Error, asked)
				require.NoError(t, cells.Error, asked)
				require.False(t, fromRollUps(rows), asked)
				if fromRollUps(cells) {
					answered++
				}
				requireAlike(t, rows.Frames, cells.Frames, c.oneRate, fmt.Sprint(asked))
			}
			require.Greater(t, answered, 20)
		})
	}
}

// atOneRate is the shop with every visit recorded at one sampling rate.
func (s *shop) atOneRate() *shop {
	alike := func(beacons []*rum.Beacon) (all []*rum.Beacon) {
		for _, b := range beacons {
			one := *b
			one.Context.Weight = 3333
			all = append(all, &one)
		}
		return all
	}
	return &shop{first: alike(s.first), second: alike(s.second)}
}

func fromRollUps(answer backend.DataResponse) bool {
	for _, notice := range answer.Frames[0].Meta.Notices {
		if strings.Contains(notice.Text, "roll-ups") {
			return true
		}
	}
	return false
}

// requireAlike compares two answers field by field: percentiles and, where they have to be, their bounds within 1 %,
// changes of percentiles by what that makes of them, all else exactly but for the last digits of sums in another order.
func requireAlike(t *testing.T, rows, cells data.Frames, bounds bool, asked string) {
	require.Len(t, cells, len(rows), asked)
	for i, frame := range rows {
		require.Len(t, cells[i].Fields, len(frame.Fields))
		require.Equal(t, frame.Rows(), cells[i].Rows(), asked)
		for j, field := range frame.Fields {
			other := cells[i].Fields[j]
			require.Equal(t, field.Name, other.Name)
			require.Equal(t, field.Labels, other.Labels)
			name := strings.ToLower(field.Name)
			bound := strings.HasSuffix(name, "lower") || strings.HasSuffix(name, "upper")
			for k := range field.Len() {
				if bound && !bounds {
					continue
				}
				want, wanted := field.ConcreteAt(k)
				got, there := other.ConcreteAt(k)
				require.Equal(t, wanted, there, "%s: %v, %v: %s", name, want, got, asked)
				number, ok := want.(float64)
				if !wanted || !ok {
					require.Equal(t, want, got, "%s: %s", name, asked)
					continue
				}
				off := math.Abs(number) * 1e-6
				_, vital := rum.MetricByKey(name)
				switch {
				case strings.HasSuffix(name, "change"):
					off = 0.0205 * (1 + math.Abs(number))
				case name == "value", vital, bound:
					off = 0.01 * math.Abs(number)
				}
				require.InDelta(t, number, got, off+1e-9, "%s: %s", name, asked)
			}
		}
	}
}
