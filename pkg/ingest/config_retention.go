package ingest

import (
	"fmt"

	"github.com/sightline-rum/sightline/pkg/store"
)

// Retention is for how many days rows are kept; see store.Retention. The tables are changed by `sightline migrate`, never
// by a start of the sidecar alone: a mistake in a file must not delete what cannot be brought back.
type Retention struct {
	RawDays       int            `yaml:"raw_days"`       // every table that holds single visits
	SensitiveDays int            `yaml:"sensitive_days"` // columns that say most about a person
	Tables        map[string]int `yaml:"tables"`         // single tables
}

// KeptFor is what the config says of retention; said is false when it says nothing, and the tables stay as they are.
func (c *Config) KeptFor() (r store.Retention, said bool) {
	r = store.Retention{
		Raw: c.Retention.RawDays, Sensitive: c.Retention.SensitiveDays, Tables: c.Retention.Tables, Apps: map[string]int{},
	}
	said = r.Raw != 0 || r.Sensitive != 0 || len(r.Tables) > 0
	for name, app := range c.Apps {
		if app.RetentionDays != 0 {
			r.Apps[name] = app.RetentionDays
		}
	}
	return r, said
}

func (c *Config) checkRetention() error {
	r, _ := c.KeptFor()
	for name, app := range c.Apps {
		if app.RetentionDays < 0 {
			return fmt.Errorf("apps.%s.retention_days: a number of days from 1 on is needed, not %d", name, app.RetentionDays)
		}
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}
