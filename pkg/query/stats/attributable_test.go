package stats

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAttributableIsWhatTheExposureAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exposed := rapid.Float64Range(1, 1e6).Draw(t, "exposed")
		others := rapid.Float64Range(1, 1e6).Draw(t, "others")
		base := rapid.Float64Range(0.001, 0.5).Draw(t, "rate of cases without")
		added := rapid.Float64Range(0, 0.5).Draw(t, "rate of cases the exposure adds")
		cases := (base+added)*exposed + base*others
		require.InDelta(t, added*exposed/cases, Attributable((base+added)*exposed, exposed, base*others, others), 1e-9)
	})
}

func TestAttributableIsAShareWhateverIsCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := func(name string) float64 { return rapid.Float64Range(0, 1e9).Draw(t, name) }
		share := Attributable(count("exposed cases"), count("exposed"), count("other cases"), count("others"))
		require.GreaterOrEqual(t, share, 0.0)
		require.LessOrEqual(t, share, 1.0)
	})
}

func TestWhatEverybodyOrNobodyIsExposedToExplainsNothing(t *testing.T) {
	require.Zero(t, Attributable(40, 100, 0, 0))
	require.Zero(t, Attributable(0, 0, 40, 100))
	require.Zero(t, Attributable(40, 100, 40, 100), "cases are no more frequent with it")
	require.Zero(t, Attributable(10, 100, 40, 100), "cases are rarer with it")
	require.InDelta(t, 1, Attributable(40, 100, 0, 100), 1e-12, "there are none without it")
}

func TestLiftIsFiniteAndNearTheRatioOfShares(t *testing.T) {
	ratio, atLeast := Lift(300, 1000, 100, 1000)
	require.InDelta(t, 3, ratio, 0.02)
	require.Less(t, atLeast, ratio)
	require.Greater(t, atLeast, 2.0)
	ratio, atLeast = Lift(3, 10, 0, 10)
	require.InDelta(t, 7, ratio, 1e-9, "(3.5/10.5) / (0.5/10.5)")
	require.Less(t, atLeast, 1.0, "so few say nothing")
}
