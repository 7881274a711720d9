package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsDescribedCanBeAsked(t *testing.T) {
	d := Describe()
	require.Len(t, d.Metrics, 5)
	require.Equal(t, operators, d.Operators)
	for _, described := range d.QueryTypes {
		require.Equal(t, described.Name == "sessions", described.SessionLevel)
		require.NotEmpty(t, described.Dimensions)
		for _, format := range described.Formats {
			for _, dimension := range described.Dimensions {
				query := map[string]any{"queryType": described.Name, "format": format, "groupBy": dimension.Key,
					"dimension": dimension.Key}
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
