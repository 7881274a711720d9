package query

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/store"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// The store that all tests read, as the plugin does: a real engine, its read-only user, and the seeded shop.
var (
	runner *Runner
	seeded *shop
	till   *incident
	seeder *store.Store  // the writer, for what is too large to be always there
	access engine.Access // for tests that need a database of their own
)

// everyone may see everything.
var everyone = Caller{SessionLevel: true, IDs: true, Role: "Admin"}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func testMain(m *testing.M) (int, error) {
	var stop func()
	var err error
	access, stop, err = enginetest.StartMainCluster(cluster)
	if err != nil {
		return 1, err
	}
	defer stop()
	ctx := context.Background()
	open := func(login engine.Login) (*store.Store, error) {
		return store.Open(store.FromAccess(access.Address, access.Database, login.User, login.Password))
	}
	writer, err := open(access.Writer)
	if err != nil {
		return 1, err
	}
	defer writer.Close()
	if err := writer.Migrate(ctx); err != nil {
		return 1, err
	}
	// Whole days before now, so that nothing of it is in the future or beyond its retention.
	seeded = newShop(time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour))
	if err := seeded.insert(ctx, writer); err != nil {
		return 1, err
	}
	for _, insert := range []func(context.Context, *store.Store) error{seeded.insertMore, seeded.insertMisleading} {
		if err := insert(ctx, writer); err != nil {
			return 1, err
		}
	}
	seeder = writer
	till = newIncident(seeded.today.Add(-3*24*time.Hour + 14*time.Hour))
	if err := till.insert(ctx, writer); err != nil {
		return 1, err
	}
	reader, err := open(access.Reader)
	if err != nil {
		return 1, err
	}
	defer reader.Close()
	runner = &Runner{Conn: reader.Conn(), Settings: shopSettings}
	runner.Settings.MinSamples = 1
	defer stopPlugin()
	return m.Run(), nil
}

// insert stores the seed in several inserts, the second reports after the first.
func (s *shop) insert(ctx context.Context, to *store.Store) error {
	const size = 300
	all := append(s.first[:len(s.first):len(s.first)], s.second...)
	for i := 0; i < len(all); i += size {
		batch := store.NewBatch()
		for _, beacon := range all[i:min(i+size, len(all))] {
			batch.Add(beacon)
		}
		if err := to.Insert(ctx, fmt.Sprintf("seed:%d", i), batch); err != nil {
			return err
		}
	}
	return nil
}

// ask asks the seeded store about its second day, unless the window says otherwise.
func ask(t testing.TB, caller Caller, json string, windows ...window) backend.DataResponse {
	t.Helper()
	w := window{from: seeded.today, to: seeded.today.Add(24 * time.Hour)}
	if len(windows) > 0 {
		w = windows[0]
	}
	return runner.Answer(context.Background(), caller, backend.DataQuery{RefID: "A", JSON: []byte(json),
		TimeRange: backend.TimeRange{From: w.from, To: w.to}, Interval: time.Hour, MaxDataPoints: 1000})
}

// frames are the frames of a question that has to be answered.
func frames(t testing.TB, json string, windows ...window) data.Frames {
	t.Helper()
	got := ask(t, everyone, json, windows...)
	require.NoError(t, got.Error)
	require.Equal(t, backend.StatusOK, got.Status)
	require.NotEmpty(t, got.Frames)
	for _, frame := range got.Frames {
		require.Equal(t, data.FrameTypeVersion{0, 1}, frame.Meta.TypeVersion)
		require.NotEmpty(t, frame.Meta.Type)
		require.NotEmpty(t, frame.Meta.ExecutedQueryString)
		require.Equal(t, "A", frame.RefID)
	}
	return got.Frames
}

// rowsOf reads a frame as rows of values by field name; null is nil.
func rowsOf(frame *data.Frame) []map[string]any {
	rows := make([]map[string]any, frame.Rows())
	for i := range rows {
		rows[i] = map[string]any{}
		for _, field := range frame.Fields {
			value, ok := field.ConcreteAt(i)
			if !ok {
				value = nil
			}
			rows[i][field.Name] = value
		}
	}
	return rows
}

// whole is both seeded days.
func whole() window {
	return window{seeded.today.Add(-24 * time.Hour), seeded.today.Add(24 * time.Hour)}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
