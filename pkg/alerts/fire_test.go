package alerts

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// value is what an annotation knows of a query; by itself it is its number.
type value struct {
	Labels data.Labels
	Value  float64
}

func (v value) String() string { return strconv.FormatFloat(v.Value, 'f', -1, 64) }

// message is an alert as its receiver reads it: the annotations of a rule, filled in.
func (w world) message(t testing.TB, r rule, at time.Time, alert data.Labels) map[string]string {
	t.Helper()
	var parts []part
	for _, p := range r.Data {
		if p.DatasourceUID == sightlineUID {
			parts = append(parts, p)
		}
	}
	values := map[string]value{}
	for refID, numbers := range w.ask(t, at, parts...) {
		require.NotEmpty(t, numbers, "%s of %q is empty, which makes the rule no data", refID, r.Title)
		found := matching(alert, numbers)
		require.LessOrEqual(t, len(found), 1, "%s: which of several is quoted is chance", refID)
		if len(found) == 1 {
			values[refID] = value{found[0].labels, found[0].value}
		}
	}
	told := map[string]string{}
	for key, text := range r.Annotations {
		var filled bytes.Buffer
		require.NoError(t, parsed(t, text).Execute(&filled, map[string]any{"Labels": alert, "Values": values, "Value": ""}))
		require.NotContains(t, filled.String(), "no value", "%s: %s", key, text)
		told[key] = strings.TrimSpace(filled.String())
	}
	return told
}

func ruleByUID(t testing.TB, uid string) rule {
	for _, r := range rules(t) {
		if r.UID == uid {
			return r
		}
	}
	require.Failf(t, "no such rule", uid)
	return rule{}
}

func TestABadReleaseFires(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 5, Anchor: anchor, Scenario: "checkout-regression",
		Backfill: 8 * time.Hour, Sessions: 6000})
	require.NoError(t, err)
	incident := plan.Incident()
	w := newWorld(t, "regression", plan, nil)
	firing := map[string][]number{}
	for _, r := range aboutUsers(t) {
		firing[r.UID] = w.conditionOf(t, r, anchor)
	}
	require.Empty(t, firing["sightline-region-slow"])
	require.Empty(t, firing[quietUID])

	for _, uid := range []string{"sightline-checkout-lcp", "sightline-checkout-inp"} {
		require.Len(t, firing[uid], 1, uid)
		alert := firing[uid][0].labels
		require.Equal(t, data.Labels{"browser": "Safari", "release": incident.Release}, alert)
		told := w.message(t, ruleByUID(t, uid), anchor, alert)
		require.Regexp(t, `^[1-9][0-9]*$`, told["affected_sessions"])
		require.Regexp(t, `%$`, told["api_error_rate"])
		require.Contains(t, told["top_error"], incident.ErrorMessage)
		require.Equal(t, "150", told["minutes_since_deploy"])
		require.Contains(t, told["deploy"], "Checkout: wallet payments")
		require.Contains(t, told["summary"], "Safari, release "+incident.Release)
		require.Contains(t, told["session_list"], "&var-browser=Safari&var-release="+incident.Release+"&from=")
		link, err := url.Parse(told["traces"])
		require.NoError(t, err)
		require.Contains(t, link.Query().Get("left"), `{"key":"browser","operator":"=","values":["Safari"]}`)
	}

	burst := firing["sightline-error-burst"]
	require.Len(t, burst, 1, "the usual errors are no burst because a release is new")
	require.Equal(t, incident.Release, burst[0].labels["release"])
	told := w.message(t, ruleByUID(t, "sightline-error-burst"), anchor, burst[0].labels)
	require.Contains(t, told["summary"], incident.ErrorMessage)
	require.Contains(t, told["top_error"], incident.ErrorMessage)
	require.Equal(t, "150", told["minutes_since_deploy"])
	require.Regexp(t, `^[1-9][0-9]*$`, told["affected_sessions"])
	require.Regexp(t, `var-release=2\.5\.0&from=[0-9]{13}&to=[0-9]{13}$`, told["session_list"])
	require.Empty(t, firing[soonUID], "the release has been out for more than an hour")

	// Before the release there was nothing to say.
	for _, r := range aboutUsers(t) {
		require.Empty(t, w.conditionOf(t, r, incident.Onset), r.Title)
	}
}

// A bad release is known as soon as five errors are met, and as long as it is new; how soon that is depends on how many
// visitors meet them.
func TestABadReleaseFiresWithItsFifthError(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 5, Anchor: anchor, Scenario: "checkout-regression",
		Backfill: 3 * time.Hour, Sessions: 6000})
	require.NoError(t, err)
	incident := plan.Incident()
	w := newWorld(t, "soon", plan, nil)
	r := ruleByUID(t, soonUID)
	held := 0
	for after := time.Duration(0); after < 30*time.Minute; after += time.Minute {
		at := incident.Onset.Add(after)
		met := slices.ContainsFunc(w.ask(t, at, r.part(t, "A"))["A"], func(n number) bool {
			return n.labels["release"] == incident.Release && n.value >= 5
		})
		firing := w.conditionOf(t, r, at)
		require.Equal(t, met, len(firing) > 0, "%s after the release", after)
		if !met {
			continue
		}
		held++
		require.Len(t, firing, 1)
		if held > 1 {
			continue
		}
		told := w.message(t, r, at, firing[0].labels)
		require.Equal(t, "An error bursts in the new release 2.5.0: "+incident.ErrorMessage, told["summary"])
		require.Equal(t, fmt.Sprint(int(after.Minutes())), told["minutes_since_deploy"])
		require.Regexp(t, `^[1-9][0-9]*$`, told["affected_sessions"])
		require.Regexp(t, `%$`, told["api_error_rate"])
	}
	require.Greater(t, held, 10, "most of the half hour")
}

func TestASlowDependencyOfOneCountryFiresAndIsNamed(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 6, Anchor: anchor, Backfill: 8 * time.Hour, Sessions: 6000})
	require.NoError(t, err)
	began := anchor.Add(-16 * time.Minute).UnixMilli()
	w := newWorld(t, "region", plan, func(b *rum.Beacon) {
		for i := range b.Requests {
			r := &b.Requests[i]
			if b.Context.Country == "DE" && r.TS > began && strings.HasPrefix(r.Endpoint, "/api/recommendations") {
				r.Duration += 1500
			}
		}
	})
	r := ruleByUID(t, "sightline-region-slow")
	firing := w.conditionOf(t, r, anchor)
	require.Len(t, firing, 1)
	require.Equal(t, data.Labels{"country": "DE"}, firing[0].labels)
	told := w.message(t, r, anchor, firing[0].labels)
	require.Contains(t, told["dependency"], "/api/recommendations")
	require.Contains(t, told["summary"], "API calls from DE are slow: GET ")
	link, err := url.Parse(told["session_list"])
	require.NoError(t, err)
	require.Equal(t, "country|=|DE", link.Query().Get("var-filters"))
}

func TestSilenceFires(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 7, Anchor: anchor, Backfill: 26 * time.Hour, Sessions: 1500})
	require.NoError(t, err)
	w := newWorld(t, "silence", plan, nil)
	r := ruleByUID(t, quietUID)
	require.Empty(t, w.conditionOf(t, r, anchor))
	require.Empty(t, w.conditionOf(t, r, anchor.Add(8*time.Minute)), "eight minutes may be a pause")
	for _, later := range []time.Duration{11 * time.Minute, time.Hour, 12 * time.Hour} {
		firing := w.conditionOf(t, r, anchor.Add(later))
		require.Len(t, firing, 1, later)
		told := w.message(t, r, anchor.Add(later), firing[0].labels)
		require.Equal(t, "Browsers send next to nothing: 0 items in ten minutes", told["summary"])
	}
}
