package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"

	"github.com/sightline-rum/sightline/pkg/store"
)

// healthTimeout is shorter than the 30 s after which Grafana itself gives up: a named cause beats a bare timeout.
const healthTimeout = 10 * time.Second

// maxClockSkew is how far the clocks of this machine and the store may lie apart. Beyond it "the last 5 minutes" of a
// panel or alert rule looks past the newest data.
const maxClockSkew = 5 * time.Minute

// CheckHealth is behind "Save & test". The message is one sentence that says what is wrong and what to do; details hold
// what somebody who repairs it wants to know. It never returns a Go error, because Grafana shows those as "plugin
// unavailable".
func (i *Instance) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, span := tracing.DefaultTracer().Start(ctx, "sightline health")
	defer span.End()
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()

	found := i.examine(ctx)
	backend.Logger.FromContext(ctx).Debug("Health checked", "status", found.status.String(), "message", found.message)
	details, err := json.Marshal(map[string]string{"verboseMessage": found.details})
	if err != nil {
		return nil, fmt.Errorf("check health: %w", err)
	}
	return &backend.CheckHealthResult{Status: found.status, Message: found.message, JSONDetails: details}, nil
}

// finding is the outcome of an examination.
type finding struct {
	status  backend.HealthStatus
	message string
	details string
}

func unhealthy(details, message string, arguments ...any) finding {
	return finding{backend.HealthStatusError, fmt.Sprintf(message, arguments...), details}
}

// examine looks at one thing after the other and stops at the first that is wrong: settings, network, login, tables,
// clock, data.
func (i *Instance) examine(ctx context.Context) finding {
	if i.invalid != nil {
		return unhealthy("Nothing was contacted.", "%s.", capitalised(i.invalid.Error()))
	}
	if err := i.store.Ping(ctx); err != nil {
		return unhealthy(err.Error(), "%s", i.settings.whyUnreachable(err))
	}
	found, err := i.store.SchemaVersion(ctx)
	if err != nil {
		return unhealthy(err.Error(), "%s", i.settings.whyUnreachable(err))
	}
	if wrong, ok := i.settings.wrongSchema(found, store.LatestVersion()); !ok {
		return wrong
	}
	seen, err := i.lastBeacon(ctx)
	if err != nil {
		return unhealthy(err.Error(), "The tables at %s cannot be read: give user %q SELECT on database %s.",
			i.settings.Address, i.settings.Username, i.settings.Database)
	}
	return i.settings.judge(seen, found)
}

// wrongSchema compares the tables' version with the one this plugin was built for; ok when they are the same.
func (s *Settings) wrongSchema(found, needed int) (finding, bool) {
	details := fmt.Sprintf("Database %s at %s has schema version %d; this plugin needs %d.", s.Database, s.Address, found, needed)
	switch {
	case found == needed:
		return finding{}, true
	case found == 0:
		return unhealthy(details, "Database %s at %s has no Sightline tables yet: run `sightline migrate`, "+
			"or start `sightline serve` once.", s.Database, s.Address), false
	case found < needed:
		return unhealthy(details, "The tables at %s are older than this plugin needs: run `sightline migrate`.", s.Address), false
	default:
		return unhealthy(details, "The tables at %s are newer than this plugin: update the plugin in Grafana.", s.Address), false
	}
}

// judge a store that answers and has the right tables.
func (s *Settings) judge(seen sighting, version int) finding {
	details := fmt.Sprintf("Database %s at %s over %s, schema version %d, clock difference %s.",
		s.Database, s.Address, s.Protocol, version, seen.skew.Round(time.Millisecond))
	if len(s.Apps) > 0 {
		details += " Limited to apps: " + strings.Join(s.Apps, ", ") + "."
	}
	if seen.skew.Abs() > maxClockSkew {
		direction := "ahead of"
		if seen.skew < 0 {
			direction = "behind"
		}
		return unhealthy(details, "The clock of %s is %s %s Grafana's: set both by NTP, or recent data stays out of sight.",
			s.Address, age(seen.skew.Abs()), direction)
	}
	if !seen.any {
		return finding{backend.HealthStatusOk,
			"Connected, but no beacons yet: add the agent's script tag to a page, or point your RUM SDK at the sidecar.", details}
	}
	return finding{backend.HealthStatusOk, fmt.Sprintf("Connected: the last beacon came %s ago.", age(seen.ago)), details}
}

// age is a duration in its largest whole unit.
func age(d time.Duration) string {
	n, unit := int(d.Seconds()), "second"
	switch {
	case d >= 48*time.Hour:
		n, unit = int(d.Hours()/24), "day"
	case d >= 2*time.Hour:
		n, unit = int(d.Hours()), "hour"
	case d >= 2*time.Minute:
		n, unit = int(d.Minutes()), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

func capitalised(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
