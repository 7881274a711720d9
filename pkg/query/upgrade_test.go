package query

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/store"
)

// ofVersion is a store with the tables and rows of a released version, before any upgrade.
func ofVersion(t *testing.T, file string) *store.Store {
	t.Helper()
	name := "released_" + strings.TrimSuffix(filepath.Base(file), ".sql")
	require.NoError(t, seeder.Conn().Exec(t.Context(), "DROP DATABASE IF EXISTS "+name))
	require.NoError(t, seeder.Conn().Exec(t.Context(), "CREATE DATABASE "+name))
	s, err := store.Open(store.FromAccess(access.Address, name, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, file := range []string{file, "../store/testdata/released/rows.sql"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if statement = strings.TrimSpace(statement); statement != "" {
				require.NoError(t, s.Conn().Exec(t.Context(), statement))
			}
		}
	}
	return s
}

func askOf(s *store.Store, schema int, json string) backend.DataResponse {
	asked := Runner{Conn: s.Conn(), Settings: Settings{MinSamples: 1}, Schema: schema}
	return asked.Answer(context.Background(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(json),
		TimeRange: backend.TimeRange{From: time.Now().Add(-72 * time.Hour), To: time.Now().Add(time.Hour)}})
}

func TestEveryReleasedVersionAnswersAfterAnUpgrade(t *testing.T) {
	files, err := filepath.Glob("../store/testdata/released/0*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s := ofVersion(t, file)
			require.NoError(t, s.Migrate(t.Context()))
			for json, said := range map[string]string{
				`{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["route"],"format":"table"}`: "5000",
				`{"queryType":"errors","app":"shop","format":"table"}`:                                    "x is undefined",
				`{"queryType":"requests","app":"shop","format":"table"}`:                                  "/cart",
				`{"queryType":"attribution","app":"shop","metric":"lcp"}`:                                 "",
				`{"queryType":"sessions","app":"shop"}`:                                                   "kept",
				`{"queryType":"session","app":"shop","sessionId":"kept"}`:                                 "pay",
				`{"queryType":"traces","traceId":"0af7651916cd43dd8448eb211c80319c"}`:                     "kept",
				`{"queryType":"deploys","app":"shop","format":"table"}`:                                   "1.0",
			} {
				got := askOf(s, store.LatestVersion(), json)
				require.NoError(t, got.Error, json)
				require.NotEmpty(t, got.Frames, json)
				require.Contains(t, fmt.Sprint(rowsOf(got.Frames[0])), said, json)
			}
		})
	}
}

// What is older, the plugin or the tables, decides what there is to do.
func TestAQuestionThatTheTablesCannotAnswerSaysWhatIsOlder(t *testing.T) {
	s := ofVersion(t, "../store/testdata/released/0002.sql")
	const question = `{"queryType":"attribution","app":"shop","metric":"lcp"}` // reads a column of version 3
	got := askOf(s, store.LatestVersion(), question)
	require.ErrorContains(t, got.Error, fmt.Sprintf("at version 2 and this plugin needs %d: run `sightline migrate`", store.LatestVersion()))
	require.Equal(t, backend.StatusBadGateway, got.Status)
	require.Equal(t, backend.ErrorSourceDownstream, got.ErrorSource)

	got = askOf(s, 1, question)
	require.ErrorContains(t, got.Error, "at version 2, newer than the 1 this plugin knows: update the plugin in Grafana")
	require.NotContains(t, askOf(s, 2, question).Error.Error(), "version 2", "equals blame neither")
}
