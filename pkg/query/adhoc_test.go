package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const inChrome = `"adHocFilters":[{"key":"browser","operator":"=","value":"Chrome"}]`

func TestAdHocFiltersNarrowWhatHasTheirDimension(t *testing.T) {
	narrowed := frames(t, `{"format":"table","groupBy":["browser"],`+inChrome+`}`)
	require.Empty(t, narrowed[0].Meta.Notices)
	rows := rowsOf(narrowed[0])
	require.Len(t, rows, 1)
	require.Equal(t, "Chrome", rows[0]["browser"])
}

func TestAdHocFiltersAreLeftOutWhereOnlyOthersHaveTheirDimensionAndSayIt(t *testing.T) {
	all := rowsOf(frames(t, `{"queryType":"deploys","app":"blog"}`)[0])
	require.NotEmpty(t, all)
	filtered := frames(t, `{"queryType":"deploys","app":"blog",`+inChrome+`}`)
	require.Equal(t, all, rowsOf(filtered[0]))
	require.Len(t, filtered[0].Meta.Notices, 1)
	require.Equal(t, "The dashboard's filter on browser does not apply to deploys.", filtered[0].Meta.Notices[0].Text)
}

func TestAnAdHocFilterOnWhatNothingHasIsRefused(t *testing.T) {
	got := ask(t, everyone, `{"adHocFilters":[{"key":"browsr","operator":"=","value":"Chrome"}]}`)
	require.ErrorContains(t, got.Error, `unknown dimension "browsr", did you mean "browser"?`)
}

func TestCellsOfATableOfferTheirValueAsAFilter(t *testing.T) {
	table := frames(t, `{"format":"table","groupBy":["browser"]}`)[0]
	offered := map[string]bool{}
	for _, field := range table.Fields {
		offered[field.Name] = field.Config.Filterable != nil && *field.Config.Filterable
	}
	require.True(t, offered["browser"])
	require.False(t, offered["value"], "nothing can be filtered on a percentile")
	for _, field := range frames(t, `{"format":"numeric","groupBy":["browser"]}`)[0].Fields {
		require.Nil(t, field.Config.Filterable, "an alert rule has no cells")
	}
}
