// Package alerts tests the alert rules in provisioning/alerting: that they are sound, that they fire when something is
// wrong and say what, and that they stay silent on an ordinary day.
package alerts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const provisioning = "../../provisioning"

// ruleFile is a provisioning file, as far as the tests look at it.
type ruleFile struct {
	APIVersion int     `yaml:"apiVersion"`
	Groups     []group `yaml:"groups"`
}

type group struct {
	Name     string `yaml:"name"`
	Folder   string `yaml:"folder"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

type rule struct {
	UID          string            `yaml:"uid"`
	Title        string            `yaml:"title"`
	Condition    string            `yaml:"condition"`
	For          string            `yaml:"for"`
	NoDataState  string            `yaml:"noDataState"`
	ExecErrState string            `yaml:"execErrState"`
	DashboardUID string            `yaml:"dashboardUid"`
	PanelID      int               `yaml:"panelId"`
	Data         []part            `yaml:"data"`
	Labels       map[string]string `yaml:"labels"`
	Annotations  map[string]string `yaml:"annotations"`

	interval time.Duration
}

// part is a query or an expression of a rule.
type part struct {
	RefID         string `yaml:"refId"`
	DatasourceUID string `yaml:"datasourceUid"`
	Range         struct {
		From int `yaml:"from"`
		To   int `yaml:"to"`
	} `yaml:"relativeTimeRange"`
	Model map[string]any `yaml:"model"`
}

const (
	sightlineUID  = "sightline"
	expressionUID = "__expr__"
	quietUID      = "sightline-quiet"
	soonUID       = "sightline-error-burst-soon"
)

func (p part) isExpression() bool { return p.DatasourceUID == expressionUID }

func (p part) expression() string { text, _ := p.Model["expression"].(string); return text }

func (r rule) part(t testing.TB, refID string) part {
	t.Helper()
	for _, p := range r.Data {
		if p.RefID == refID {
			return p
		}
	}
	require.Failf(t, "no such part", "rule %q has no %s", r.Title, refID)
	return part{}
}

func (r rule) sustained(t testing.TB) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(r.For)
	require.NoError(t, err)
	return d
}

// rules are those of all files.
func rules(t testing.TB) []rule {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(provisioning, "alerting", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []rule
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file ruleFile
		require.NoError(t, yaml.Unmarshal(text, &file), path)
		require.Equal(t, 1, file.APIVersion, path)
		for _, g := range file.Groups {
			require.NotEmpty(t, g.Name)
			require.NotEmpty(t, g.Folder)
			interval, err := time.ParseDuration(g.Interval)
			require.NoError(t, err)
			for _, r := range g.Rules {
				r.interval = interval
				all = append(all, r)
			}
		}
	}
	return all
}

// aboutUsers are the rules that ask Sightline alone.
func aboutUsers(t testing.TB) []rule {
	var own []rule
	for _, r := range rules(t) {
		other := false
		for _, p := range r.Data {
			other = other || !p.isExpression() && p.DatasourceUID != sightlineUID
		}
		if !other {
			own = append(own, r)
		}
	}
	require.NotEmpty(t, own)
	return own
}
