package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// noise is how counts scatter around a rate: Poisson when their variance/mean is 1, else negative binomial.
type noise struct {
	name       string
	dispersion func(mean float64) float64
}

// clumped noise has the same variance/mean at every rate, as when each incident reports several events; swaying noise
// has a rate that itself varies by 1/√k of its mean, so that its variance/mean grows with the rate.
func clumped(phi float64) noise {
	return noise{fmt.Sprintf("φ = %g", phi), func(float64) float64 { return phi }}
}
func swaying(k float64) noise {
	return noise{fmt.Sprintf("k = %g", k), func(mean float64) float64 { return 1 + mean/k }}
}

var (
	poisson = noise{"Poisson", func(float64) float64 { return 1 }}
	noises  = []noise{poisson, clumped(2), clumped(3), clumped(5), swaying(5), swaying(2)}
)

func (n noise) draw(mean float64, random *rand.Rand) float64 {
	if phi := n.dispersion(mean); phi > 1 {
		size := mean / (phi - 1)
		mean = distuv.Gamma{Alpha: size, Beta: size / mean, Src: random}.Rand()
	}
	if mean < 1e-300 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: random}.Rand()
}

// reaches is the chance of a count of at least x.
func (n noise) reaches(x, mean float64) float64 {
	phi := n.dispersion(mean)
	if phi <= 1 {
		return mathext.GammaIncReg(x, mean)
	}
	return mathext.RegIncBeta(x, mean/(phi-1), 1-1/phi)
}

// shape is how a rate moves through the day: up to 9-fold on a smooth day, 13-fold with office hours and a lunch break.
type shape struct {
	name string
	at   func(hour float64) float64
}

var shapes = []shape{
	{"flat", func(float64) float64 { return 1 }},
	{"smooth day", func(hour float64) float64 { return 1 - 0.8*math.Cos(2*math.Pi*hour/24) }},
	{"office hours", func(hour float64) float64 {
		hour = math.Mod(hour+48, 24)
		step := func(x float64) float64 { return 1 / (1 + math.Exp(-2*x)) }
		return 0.08 + step(hour-8)*step(18-hour)*(1-0.3*math.Exp(-(hour-12.5)*(hour-12.5)))
	}},
}

// scenario is noise around a rhythm, at a rate that is mean in the window under test whatever its hour.
type scenario struct {
	shape  shape
	noise  noise
	mean   float64
	window time.Duration
	days   int // of recent buckets
	level  func(*rand.Rand) float64
}

// history draws what came before a window at a random hour: days of recent buckets, and the hour around the window on
// the seven days before.
func (s scenario) history(random *rand.Rand) History {
	hour := random.Float64() * 24
	rate := func(before float64) float64 { return s.mean * s.shape.at(hour-before) / s.shape.at(hour) }
	h := History{Window: s.window}
	buckets := int(time.Duration(s.days) * day / s.window)
	for i := range buckets {
		h.Recent = append(h.Recent, s.noise.draw(rate(float64(buckets-i)*s.window.Hours()), random))
	}
	around := max(1, int(time.Hour/s.window))
	for range 7 {
		level := 1.0
		if s.level != nil {
			level = s.level(random)
		}
		counts := make([]float64, around)
		for i := range counts {
			counts[i] = s.noise.draw(level*rate(float64(around/2-i)*s.window.Hours()), random)
		}
		h.SameHour = append(h.SameHour, counts)
	}
	return h
}

func recentOnly(h History) Expectation {
	h.SameHour = nil
	return h.Expect()
}

func sameHour(h History) Expectation { return h.Expect() }

// smallestBurst is the smallest count an expectation calls a burst.
func smallestBurst(e Expectation) float64 {
	no, yes := BurstEvents-1.0, float64(BurstEvents)
	for !e.Test(yes, BurstSessions).Surging {
		no, yes = yes, yes*2
	}
	for yes-no > 1 {
		if middle := math.Floor((no + yes) / 2); e.Test(middle, BurstSessions).Surging {
			yes = middle
		} else {
			no = middle
		}
	}
	return yes
}

// plainly is the smallest burst of the textbook formula: the mean and var/mean of the recent buckets as they are, and
// z as the doc of Expectation.Test has it.
func plainly(h History) float64 {
	n := float64(len(h.Recent))
	mean := sum(h.Recent) / n
	if mean == 0 {
		return smallestByRoot(3/n, 1, n)
	}
	var squares float64
	for _, x := range h.Recent {
		squares += (x - mean) * (x - mean)
	}
	return smallestByRoot(mean, max(1, squares/(n-1)/mean), n)
}

// trustingly is plainly that takes all counts for Poisson.
func trustingly(h History) float64 {
	n := float64(len(h.Recent))
	return smallestByRoot(max(3, sum(h.Recent))/n, 1, n)
}

func smallestByRoot(mean, phi, buckets float64) float64 {
	root := BurstScore/2*math.Sqrt(phi*(1+1/buckets)) + math.Sqrt(mean+0.375/buckets)
	return max(BurstEvents, math.Floor(root*root-0.375)+1)
}

// knowing is the smallest burst for one who knows rate and dispersion: what no test at this level can better.
func knowing(s scenario) float64 {
	return smallestBurst(Expectation{Count: s.mean, Dispersion: s.noise.dispersion(s.mean)})
}

// rates are the chances, over many histories, that a window of usual noise and one of a five-fold burst are called a
// burst. Given a history they are computed rather than drawn, so that thousands of histories measure chances that
// would take millions of windows.
type rates struct{ falseAlarm, detection float64 }

func (s scenario) rates(series int, smallest func(History) float64) rates {
	random := rand.New(rand.NewPCG(2718, uint64(series)))
	var r rates
	for range series {
		x := smallest(s.history(random))
		r.falseAlarm += s.noise.reaches(x, s.mean) / float64(series)
		r.detection += s.noise.reaches(x, 5*s.mean) / float64(series)
	}
	return r
}

func with(expect func(History) Expectation) func(History) float64 {
	return func(h History) float64 { return smallestBurst(expect(h)) }
}

// fiveMinutes is a window of five minutes after a day, the defaults of the product.
func fiveMinutes(shape shape, noise noise, mean float64) scenario {
	return scenario{shape: shape, noise: noise, mean: mean, window: 5 * time.Minute, days: 1}
}

func TestUsualNoiseIsAlmostNeverABurst(t *testing.T) {
	for _, shape := range shapes {
		for _, noise := range []noise{poisson, clumped(2), clumped(5), swaying(2)} {
			for _, mean := range []float64{0.02, 0.5, 5, 200} {
				s := fiveMinutes(shape, noise, mean)
				for name, expect := range map[string]func(History) Expectation{"recent": recentOnly, "same hour": sameHour} {
					r := s.rates(80, with(expect))
					require.LessOrEqual(t, r.falseAlarm, 1e-4, "%s, %s, %v a window, %s", shape.name, noise.name, mean, name)
				}
			}
		}
	}
}

func TestADayOfHoursIsEnoughNotToCryWolf(t *testing.T) {
	for _, shape := range shapes {
		for _, noise := range []noise{poisson, clumped(5), swaying(2)} {
			for _, mean := range []float64{0.5, 5, 200} {
				s := scenario{shape: shape, noise: noise, mean: mean, window: time.Hour, days: 1}
				r := s.rates(200, with(recentOnly))
				require.LessOrEqual(t, r.falseAlarm, 1e-4, "%s, %s, %v a window", shape.name, noise.name, mean)
			}
		}
	}
}

func TestAFivefoldBurstIsFoundAtAnyHour(t *testing.T) {
	for _, shape := range shapes {
		s := fiveMinutes(shape, poisson, 5)
		require.GreaterOrEqual(t, s.rates(400, with(recentOnly)).detection, 0.85, "%s, recent", shape.name)
		require.GreaterOrEqual(t, s.rates(400, with(sameHour)).detection, 0.85, "%s, same hour", shape.name)
	}
}

func TestTheTextbookFormulaIsNotEnough(t *testing.T) {
	few := fiveMinutes(shapes[0], clumped(5), 0.02)
	require.Greater(t, few.rates(400, plainly).falseAlarm, 2e-4, "few events hide how they clump")
	rhythm := fiveMinutes(shapes[1], poisson, 5)
	require.Less(t, rhythm.rates(400, plainly).detection, 0.6, "a rhythm taken for noise hides the burst")
}

func TestABurstIsNotHiddenByItsOwnFirstHour(t *testing.T) {
	s := fiveMinutes(shapes[1], poisson, 20)
	underWay := func(gap time.Duration) rates {
		return s.rates(200, func(h History) float64 {
			random := rand.New(rand.NewPCG(1, uint64(sum(h.Recent))))
			for i := range 12 {
				h.Recent[len(h.Recent)-12+i] += s.noise.draw(4*s.mean, random)
			}
			h.Recent = h.Recent[:len(h.Recent)-int(gap/s.window)]
			h.Recent = append(make([]float64, 0, 300), h.Recent...)
			for range int(gap / s.window) { // a whole day all the same
				h.Recent = append([]float64{s.noise.draw(s.mean, random)}, h.Recent...)
			}
			h.Gap = gap
			return smallestBurst(recentOnly(h))
		})
	}
	require.Less(t, underWay(0).detection, 0.5)
	require.Greater(t, underWay(time.Hour).detection, 0.95)
}

// calledNew is the share of groups with a rate of mean a window, in an app of so many windows when the group's first
// error could be met, that are ever called new. Every event is another session's, the worst there is.
func calledNew(random *rand.Rand, noise noise, mean float64, age, groups int) float64 {
	const slow = 2 // how many windows may lie between the first session and the second
	called := 0
	for range groups {
		var counts [slow + 1]float64
		first := age
		for counts[0] == 0 {
			counts[0] = noise.draw(mean, random)
			first++
		}
		for i := range slow {
			counts[1+i] = noise.draw(mean, random)
		}
		start := time.Unix(0, 0)
		for i, x := range counts {
			sightings := Sightings{Window: start, First: start, Watched: max(0, first+i-1-slow), Sessions: int(x)}
			if sightings.Kind(Burst{}) == New {
				called++
				break
			}
		}
	}
	return float64(called) / float64(groups)
}

func TestWhatWasAlwaysThereIsRarelyCalledNew(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	for _, noise := range []noise{poisson, swaying(2)} {
		for _, mean := range []float64{0.002, 0.02, 0.1, 0.5, 2, 5, 20} {
			require.LessOrEqual(t, calledNew(random, noise, mean, 0, 2000), 0.1, "%s, %g a window", noise.name, mean)
		}
	}
	require.GreaterOrEqual(t, calledNew(random, poisson, 5, 288, 500), 0.99, "and what begins after a day is")
}

// measureNew prints how often a group is called new that was there all along, and one that came after hours or a day.
func measureNew() {
	random := rand.New(rand.NewPCG(6, 28))
	fmt.Println("| noise | events a window | there all along | came after 2 h | came after 24 h |\n|---|---|---|---|---|")
	for _, noise := range []noise{poisson, clumped(2), clumped(5), swaying(2)} {
		for _, mean := range []float64{0.002, 0.02, 0.1, 0.5, 2, 5, 20} {
			fmt.Printf("| %s | %g |", noise.name, mean)
			for _, age := range []int{0, 24, 288} {
				fmt.Printf(" %.2g %% |", 100*calledNew(random, noise, mean, age, 10000))
			}
			fmt.Println()
		}
	}
	fmt.Println()
}

// TestMeasure prints the tables of docs/statistics.md.
func TestMeasure(t *testing.T) {
	if os.Getenv("SIGHTLINE_MEASURE") == "" {
		t.Log("set SIGHTLINE_MEASURE=1 to print the tables of docs/statistics.md")
		return
	}
	measureBursts()
	measureOtherWindows()
	measureDrawnWindows()
	measureNew()
	measureOnset()
	measureOverrepresented()
	measureReleases()
	measureImpact()
}

func measureBursts() {
	const series = 1000
	means := []float64{0.002, 0.006, 0.02, 0.1, 0.5, 2, 5, 20, 200, 2000}
	tests := []func(History) float64{
		trustingly, plainly, with(recentOnly), with(sameHour),
	}
	fmt.Println("| rhythm | noise | φ = 1 | textbook | recent | same hour |\n|---|---|---|---|---|---|")
	found := &strings.Builder{}
	fmt.Fprintln(found, "| rhythm | noise | textbook | recent | same hour | rate and φ known |\n|---|---|---|---|---|---|")
	for _, shape := range shapes {
		for _, noise := range noises {
			worst, at := make([]float64, len(tests)), make([]float64, len(tests))
			detection := map[float64][]float64{}
			for _, mean := range means {
				s := fiveMinutes(shape, noise, mean)
				for i, smallest := range tests {
					r := s.rates(series, smallest)
					if r.falseAlarm > worst[i] {
						worst[i], at[i] = r.falseAlarm, mean
					}
					detection[mean] = append(detection[mean], 100*r.detection)
				}
				detection[mean] = append(detection[mean], 100*noise.reaches(knowing(s), 5*mean))
			}
			fmt.Printf("| %s | %s |", shape.name, noise.name)
			for i := range tests {
				fmt.Printf(" %.0e at %g |", worst[i], at[i])
			}
			fmt.Println()
			fmt.Fprintf(found, "| %s | %s |", shape.name, noise.name)
			for i := 1; i <= len(tests); i++ {
				fmt.Fprintf(found, " %.0f / %.0f |", detection[5][i], detection[20][i])
			}
			fmt.Fprintln(found)
		}
	}
	fmt.Println()
	fmt.Println(found)
}

func measureOtherWindows() {
	weekdays := func(random *rand.Rand) float64 { return []float64{1, 1, 1, 1, 1, 0.5, 0.4}[random.IntN(7)] }
	sways := func(random *rand.Rand) float64 { return math.Exp(0.2 * random.NormFloat64()) }
	cases := []struct {
		name string
		scenario
	}{
		{"1 min window, 24 h", scenario{window: time.Minute, days: 1}},
		{"15 min window, 24 h", scenario{window: 15 * time.Minute, days: 1}},
		{"1 h window, 24 h", scenario{window: time.Hour, days: 1}},
		{"1 h window, 7 days", scenario{window: time.Hour, days: 7}},
		{"5 min window, quieter weekends", scenario{window: 5 * time.Minute, days: 1, level: weekdays}},
		{"5 min window, days differ by 20 %", scenario{window: 5 * time.Minute, days: 1, level: sways}},
	}
	fmt.Println("| case | false alarms, recent | same hour | found, recent | same hour |\n|---|---|---|---|---|")
	for _, c := range cases {
		var worst [2]rates
		var where [2]string
		var found [2]float64
		for _, shape := range shapes {
			for _, noise := range []noise{poisson, clumped(2), clumped(5), swaying(2)} {
				for _, mean := range []float64{0.02, 0.1, 0.5, 2, 5, 200} {
					s := c.scenario
					s.shape, s.noise, s.mean = shape, noise, mean
					for i, expect := range []func(History) Expectation{recentOnly, sameHour} {
						r := s.rates(150, with(expect))
						if r.falseAlarm > worst[i].falseAlarm {
							worst[i], where[i] = r, fmt.Sprintf("%s, %s, %g", shape.name, noise.name, mean)
						}
						if shape.name == "smooth day" && noise.name == "Poisson" && mean == 5 {
							found[i] = 100 * r.detection
						}
					}
				}
			}
		}
		fmt.Printf("| %s | %.0e (%s) | %.0e (%s) | %.0f | %.0f |\n", c.name, worst[0].falseAlarm, where[0],
			worst[1].falseAlarm, where[1], found[0], found[1])
	}
	fmt.Println()
}

// measureDrawnWindows draws windows instead of computing their chances.
func measureDrawnWindows() {
	random := rand.New(rand.NewPCG(3, 14))
	windows, alarms := 0, [2]int{}
	for _, shape := range shapes {
		for _, noise := range noises {
			for _, mean := range []float64{0.02, 0.1, 0.5, 2, 5, 20, 200} {
				s := fiveMinutes(shape, noise, mean)
				for range 200 {
					h := s.history(random)
					recent, same := recentOnly(h), sameHour(h)
					for range 200 {
						x := noise.draw(mean, random)
						windows++
						for i, e := range []Expectation{recent, same} {
							if x >= BurstEvents && e.Test(x, BurstSessions).Surging {
								alarms[i]++
							}
						}
					}
				}
			}
		}
	}
	fmt.Printf("%d windows drawn: %d false alarms with recent (%.1e), %d with same hour (%.1e)\n\n", windows,
		alarms[0], float64(alarms[0])/float64(windows), alarms[1], float64(alarms[1])/float64(windows))
}
