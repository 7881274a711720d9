package query

import (
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
