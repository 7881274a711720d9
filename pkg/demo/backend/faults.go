package backend

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Faults are what goes wrong in how many of all cases: shares are from 0 to 1. Besides, a visitor can have them on purpose:
// who pays by invoice waits, and who pays by gift card is turned away.
type Faults struct {
	SlowPayments    float64       // payments that take SlowBy longer
	SlowBy          time.Duration // 0 means 2 s
	FailingPayments float64       // payments that the payment service answers with 500
	Unsampled       float64       // traces that both services leave unrecorded, and say so in their flags (-00)
}

func (f *Faults) check() error {
	f.SlowBy = cmp.Or(f.SlowBy, 2*time.Second)
	for name, share := range map[string]float64{
		"slow payments": f.SlowPayments, "failing payments": f.FailingPayments, "unsampled traces": f.Unsampled,
	} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("the share of %s is %v: it goes from 0 to 1", name, share)
		}
	}
	if f.SlowBy < 0 {
		return fmt.Errorf("slow payments are slow by %s: less than nothing", f.SlowBy)
	}
	return nil
}

func happens(share float64) bool { return rand.Float64() < share }

// work passes the time that a database or a bank would, unless nobody waits any more.
func work(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
