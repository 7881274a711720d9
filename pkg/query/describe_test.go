package query

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsDescribedCanBeAsked(t *testing.T) {
	d := Describe()
	require.Len(t, d.Metrics, 5)
	require.Equal(t, operators, d.Operators)
	for _, described := range d.QueryTypes {
		sessionLevel := []string{"sessions", "session", "traces"}
		require.Equal(t, slices.Contains(sessionLevel, described.Name), described.SessionLevel)
		require.NotEmpty(t, described.Dimensions)
		for _, format := range described.Formats {
			for _, dimension := range described.Dimensions {
				query := map[string]any{"queryType": described.Name, "format": format, "groupBy": dimension.Key,
					"dimension": dimension.Key, "sessionId": "session-0001"}
				if described.SessionLevel {
					delete(query, "groupBy")
				}
				_, err := read(asking(jsonOf(query)), shopSettings)
				require.NoError(t, err, "%v", query)
				require.NotEmpty(t, dimension.Name)
			}
		}
	}
}

// The editors are tested with this file in place of a running plugin. Write it anew with:
// go test ./pkg/query -run Schema -update
func TestSchemaIsTheOneTheEditorsAreTestedWith(t *testing.T) {
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(Describe()))
	path := filepath.Join("testdata", "schema.json")
	if *update {
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func TestOnlyWhatIsDescribedAsGroupedTakesGroupBy(t *testing.T) {
	for _, described := range Describe().QueryTypes {
		if described.Name == "variable" {
			continue // has no segments, and takes no notice
		}
		asked := map[string]any{"queryType": described.Name, "sessionId": "session-0001", "groupBy": "environment"}
		if len(described.Sections) > 0 && slices.Contains(described.Formats, formatSeries) {
			asked["format"] = formatSeries // some sections of the table are of the whole
		}
		answer := askPlugin(t, jsonOf(asked))
		if described.Groups {
			require.NoError(t, answer.Error, described.Name)
		} else {
			require.ErrorContains(t, answer.Error, "groupBy is for other types", described.Name)
		}
	}
}

func TestAlertRulesAreOfferedNumbersOfMany(t *testing.T) {
	for _, described := range Describe().QueryTypes {
		for _, format := range described.Formats {
			evaluated := !described.SessionLevel && (format == "timeseries" || format == "numeric")
			require.Equal(t, evaluated, slices.Contains(described.Alertable, format), "%s as %s", described.Name, format)
		}
	}
}
