package rum

import "math"

// A bucket is one cell of a metric's long histogram: logarithmic steps of 2 %, laid out from the rating thresholds so
// that no cell spans two ratings. Rating shares summed from buckets are therefore exact, and a percentile read from
// them is off by at most half a step.
//
//	bucket 0                  exactly zero
//	1 … goodTop               good: goodTop ends at the good threshold, each step down is 2 % lower; 1 takes all below
//	goodTop+1 … goodTop+n     needs improvement: n steps that end at the poor threshold
//	goodTop+n+1 … lastBucket  poor: each step up is 2 % higher; the last takes all above
//
// A custom timing has no thresholds: its grid is anchored at 1 ms and has no middle part.
const (
	step       = 1.02
	goodTop    = 1000
	lastBucket = 4000
)

var logStep = math.Log(step)

// Bucket of a value of a metric. The value must be finite and not negative (Valid): it is clamped at both ends.
func Bucket(metric string, value float64) int16 {
	good, poor := anchors(metric)
	switch {
	case value == 0:
		return 0
	case value <= good:
		return int16(max(1, goodTop-steps(good/value)))
	case value <= poor:
		return int16(max(goodTop+1, goodTop+middle(good, poor)-steps(poor/value)))
	default:
		return int16(min(lastBucket, goodTop+middle(good, poor)+1+steps(value/poor)))
	}
}

// BucketBounds returns the values (low, high] that fall into a bucket. The lowest cell starts at 0 and the highest
// ends at +Inf.
func BucketBounds(metric string, bucket int16) (low, high float64) {
	good, poor := anchors(metric)
	n := middle(good, poor)
	b := int(bucket)
	switch {
	case b <= 0:
		return 0, 0
	case b == 1:
		return 0, good * math.Pow(step, float64(1-goodTop))
	case b <= goodTop:
		return good * math.Pow(step, float64(b-1-goodTop)), good * math.Pow(step, float64(b-goodTop))
	case b <= goodTop+n:
		return max(good, poor*math.Pow(step, float64(b-1-goodTop-n))), poor * math.Pow(step, float64(b-goodTop-n))
	case b < lastBucket:
		return poor * math.Pow(step, float64(b-1-goodTop-n)), poor * math.Pow(step, float64(b-goodTop-n))
	default:
		return poor * math.Pow(step, float64(lastBucket-1-goodTop-n)), math.Inf(1)
	}
}

// RatingEdges returns the last good bucket and the last one that is not poor, so that SQL can sum ratings.
func RatingEdges(metric string) (good, needsImprovement int16) {
	return goodTop, int16(goodTop + middle(anchors(metric)))
}

// Valid reports whether a measurement can be stored: finite and not negative.
func Valid(value float64) bool {
	return value >= 0 && !math.IsInf(value, 1)
}

func anchors(metric string) (good, poor float64) {
	if m, ok := MetricByKey(metric); ok {
		return m.Good, m.Poor
	}
	return 1, 1
}

// middle counts the steps of the needs-improvement range; its lowest may be narrower than 2 %.
func middle(good, poor float64) int {
	return int(math.Ceil(math.Log(poor/good)/logStep - 1e-9))
}

// steps counts whole steps in a ratio ≥ 1. Far beyond any clamp it stops counting, so it never overflows.
func steps(ratio float64) int {
	return int(min(math.Floor(math.Log(ratio)/logStep+1e-9), lastBucket))
}
