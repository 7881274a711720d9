package traffic

import (
	"math"
	"time"
)

// busyness is how many people visit at a time of the shop's day, relative to the average. The anchor lies in the
// afternoon, whatever the clock on the wall says: a demo started at night would otherwise have nobody to look at.
//
//	before the anchor:   0 h   4 h   8 h   12 h   16 h   20 h   24 h
//	busyness:            1.5   1.3   0.7    0.3    0.5    1.1   1.5
func busyness(beforeAnchor time.Duration) float64 {
	day := beforeAnchor.Hours() / 24 * 2 * math.Pi
	return 0.95 + 0.6*math.Cos(day+0.15) + 0.1*math.Cos(2*day)
}

const dayCells = 24 * 12

// quantileOfDay returns how long before the anchor a share of a backfill's visits have begun: 0 is its start, 1 the
// anchor itself.
func quantileOfDay(share float64, backfill time.Duration) time.Duration {
	cells := max(1, int(math.Ceil(backfill.Hours()/24*dayCells)))
	cell := backfill / time.Duration(cells)
	total := 0.0
	for i := range cells {
		total += busyness(backfill - time.Duration(i)*cell - cell/2)
	}
	wanted := share * total
	for i := range cells {
		here := busyness(backfill - time.Duration(i)*cell - cell/2)
		if wanted <= here {
			return backfill - time.Duration((float64(i)+wanted/here)*float64(cell))
		}
		wanted -= here
	}
	return 0
}
