package stats

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTheValueBehindABurstIsNamed(t *testing.T) {
	found := OverrepresentedIn([]SegmentValue{
		{"browser", "Safari", 48, 2_000},
		{"browser", "Chrome", 12, 7_000},
		{"release", "2.4.0", 60, 5_000},
		{"country", "IS", 5, 0}, // never met elsewhere
		{"country", "NO", 4, 1}, // too few to say
		{"device", "mobile", 31, 5_000},
	}, 60, 10_000)
	var names []string
	for _, f := range found {
		names = append(names, f.Value)
	}
	require.Equal(t, []string{"IS", "Safari", "2.4.0"}, names)
	safari := found[1]
	require.Equal(t, 0.8, safari.BurstShare)
	require.Equal(t, 0.2, safari.ReferenceShare)
	require.InDelta(t, 4, safari.Lift, 0.05)
	require.Greater(t, safari.AtLeast, 3.0)

	require.Empty(t, OverrepresentedIn([]SegmentValue{{"browser", "Safari", 48, 0}}, 60, 0), "nothing to compare with")
	require.Empty(t, OverrepresentedIn(nil, 60, 60))
}

func TestTheLogLikelihoodRatioOfAKnownTable(t *testing.T) {
	// Dunning (1993), table 2, "the swiss", −2 log λ = 270.72.
	require.InDelta(t, 270.72, logLikelihoodRatio(110, 110+2442, 111, 111+29114), 0.005)
	require.Zero(t, logLikelihoodRatio(10, 100, 100, 1000))
}

func TestOverrepresentedValuesReallyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		burst, reference := rapid.Float64Range(0, 1e4).Draw(t, "burst"), rapid.Float64Range(0, 1e6).Draw(t, "reference")
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) SegmentValue {
			hits, others := rapid.Float64Range(0, burst), rapid.Float64Range(0, reference)
			return SegmentValue{"route", "/", hits.Draw(t, "hits"), others.Draw(t, "others")}
		}), 0, 12).Draw(t, "values")
		last := 0.0
		for i, o := range OverrepresentedIn(values, burst, reference) {
			if o.BurstShare <= o.ReferenceShare || !(o.AtLeast > 1) || o.AtLeast > o.Lift || o.BurstShare > 1 || o.G2 < 0 {
				t.Fatalf("%+v", o)
			}
			if i > 0 && o.AtLeast > last {
				t.Fatalf("%v after %v", o.AtLeast, last)
			}
			last = o.AtLeast
		}
	})
}

func TestOfferingMoreValuesNeverFindsMoreInOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hits, others := rapid.IntRange(5, 60).Draw(t, "hits"), rapid.IntRange(0, 600).Draw(t, "others")
		value := SegmentValue{"browser", "Safari", float64(hits), float64(others)}
		alone := OverrepresentedIn([]SegmentValue{value}, 60, 600)
		among := OverrepresentedIn(append(make([]SegmentValue, 50), value), 60, 600)
		if len(among) > len(alone) || len(among) == 1 && among[0].AtLeast > alone[0].AtLeast {
			t.Fatalf("alone %+v, among others %+v", alone, among)
		}
	})
}

// namings draws bursts of so many sessions out of traffic with six dimensions of eight values, the first value of the
// first dimension lift times as frequent, and returns the shares of bursts in which a wrong and the right value is
// named.
func namings(sessions int, lift float64, bursts int) (wrong, right float64) {
	random := rand.New(rand.NewPCG(9, uint64(sessions)))
	shares := []float64{0.1, 0.4, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02}
	const reference = 5000
	for range bursts {
		var values []SegmentValue
		for dimension := range 6 {
			counts := [2][8]float64{}
			for side, n := range []int{sessions, reference} {
				for range n {
					share := shares[0]
					if side == 0 && dimension == 0 {
						share *= lift
					}
					u := random.Float64()
					value := 0
					if u >= share {
						u = (u - share) / (1 - share) * (1 - shares[0])
						for value = 1; value < 7 && u >= shares[value]; value++ {
							u -= shares[value]
						}
					}
					counts[side][value]++
				}
			}
			for v := range 8 {
				values = append(values, SegmentValue{fmt.Sprint(dimension), fmt.Sprint(v), counts[0][v], counts[1][v]})
			}
		}
		isWrong := false
		for _, o := range OverrepresentedIn(values, float64(sessions), reference) {
			if o.Dimension == "0" && o.Value == "0" && lift > 1 {
				right += 1 / float64(bursts)
			} else {
				isWrong = true
			}
		}
		if isWrong {
			wrong += 1 / float64(bursts)
		}
	}
	return wrong, right
}

func TestAWrongValueIsRarelyNamedAndTheRightOneOften(t *testing.T) {
	for _, sessions := range []int{20, 60, 300} {
		wrong, _ := namings(sessions, 1, 300)
		require.LessOrEqual(t, wrong, 0.05, "%d sessions", sessions)
	}
	_, right := namings(60, 5, 300)
	require.Greater(t, right, 0.95)
}

func measureOverrepresented() {
	fmt.Println("| sessions | a wrong value named | the right one at 3× | at 5× |\n|---|---|---|---|")
	for _, sessions := range []int{10, 20, 60, 300, 2000} {
		wrong, _ := namings(sessions, 1, 1000)
		_, three := namings(sessions, 3, 1000)
		_, five := namings(sessions, 5, 1000)
		fmt.Printf("| %d | %.1f | %.0f | %.0f |\n", sessions, 100*wrong, 100*three, 100*five)
	}
}
