package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFieldsThatNoQuestionHasAreNamed(t *testing.T) {
	for raw, want := range map[string][]string{
		`{"queryType":"vitals","refId":"A","datasource":{"uid":"x"},"hide":false,"adHocFilters":[],"of":"requests"}`: nil,
		`{"queryType":"vitals","GROUPBY":["route"]}`:                                                                 nil, // JSON's names are matched so
		`{"queryType":"vitals","traffic":["bot"],"gruopBy":null}`:                                                    {"gruopBy", "traffic"},
		`{"queryType":`: nil,
	} {
		require.Equal(t, want, Unknown([]byte(raw)), raw)
	}
}
