package traffic

import "time"

// How often people are let down by a page that they use, on an ordinary day.
const (
	deadClicks = 0.012 // of the pages used: a click on something that looks as if it did something
	rageClicks = 0.004 // of the pages used: clicks over and over, because nothing seems to happen
)

// rageAfterError is how many of those whose payment fails click on pay again and again.
const rageAfterError = 0.7

// letDown is the usual frustration with a page.
func (v *viewing) letDown(now time.Time) {
	switch mood := v.dice.moods.Float64(); {
	case mood < deadClicks:
		v.frustrated(now, "dead", v.page.shiftTarget)
	case mood < deadClicks+rageClicks:
		v.frustrated(now, "rage", v.page.clickTarget)
	}
}

// paymentFailed is what people do whom the incident keeps from paying: the click had an error for an answer, and most
// click on.
func (v *viewing) paymentFailed(clicked, failed time.Time) {
	target := v.traffic.scenario.incident.Target
	v.frustrated(clicked, "error", target)
	if v.dice.moods.Float64() < rageAfterError {
		v.frustrated(failed.Add(200*time.Millisecond), "rage", target)
	}
}

// frustrated records a click that a site's own script recognised as rage, dead or error. It tells so with Faro's event
// for user actions, to which it adds the kind, and to all of them the target.
func (v *viewing) frustrated(at time.Time, kind, target string) {
	id, name := v.dice.shortID(10), kind+" click"
	v.body.Events = append(v.body.Events, event{
		Name: "faro.user.action", Domain: "browser", Timestamp: iso(at), Action: &action{ID: id, Name: name},
		Attributes: map[string]string{
			"userActionName": name, "userActionStartTime": whole(float64(ms(at))), "userActionEndTime": whole(float64(ms(at))),
			"userActionDuration": "0", "userActionTrigger": "pointerdown", "userActionImportance": "normal",
			"userActionKind": kind, "userActionTarget": target,
		},
	})
	v.truth.Actions = append(v.truth.Actions, TruthAction{At: ms(at), ID: id, Kind: kind, Name: name, Target: target})
}
