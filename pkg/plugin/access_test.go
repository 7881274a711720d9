package plugin

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

func TestWhoSeesSessions(t *testing.T) {
	as := func(role string) *backend.User { return &backend.User{Login: "mara", Role: role} }
	scheduler := &backend.User{Login: "grafana_scheduler", Role: "Admin"}

	for name, c := range map[string]struct {
		sessionRole string
		idsInAlerts bool
		user        *backend.User
		fromAlert   bool
		sees        bool
	}{
		"an Admin, by default":                            {"Editor", false, as("Admin"), false, true},
		"an Editor, by default":                           {"Editor", false, as("Editor"), false, true},
		"no Viewer, by default":                           {"Editor", false, as("Viewer"), false, false},
		"a Viewer, when set so":                           {"Viewer", false, as("Viewer"), false, true},
		"no Editor, when set to Admin":                    {"Admin", false, as("Editor"), false, false},
		"an Admin, when set to Admin":                     {"Admin", false, as("Admin"), false, true},
		"nobody without a role, even when Viewers do":     {"Viewer", false, as(""), false, false},
		"nobody with the role None":                       {"Viewer", false, as("None"), false, false},
		"nobody with a role we do not know":               {"Viewer", false, as("admin"), false, false},
		"no request without a user":                       {"Viewer", false, nil, false, false},
		"no alert rule, though it runs as Admin":          {"Editor", false, scheduler, true, false},
		"no scheduler, even without the mark":             {"Editor", false, scheduler, false, false},
		"no marked request, though an Admin asks":         {"Viewer", false, as("Admin"), true, false},
		"an alert rule, when ids are allowed in alerts":   {"Editor", true, scheduler, true, true},
		"a rule without a user, when ids are allowed":     {"Editor", true, nil, true, true},
		"no Viewer who tries out a rule":                  {"Editor", true, as("Viewer"), true, false},
		"an Editor who tries out a rule, when ids are on": {"Editor", true, as("Editor"), true, true},
		"no Viewer's panel, whatever alerts are allowed":  {"Editor", true, as("Viewer"), false, false},
		"no unmarked request without a user, ids or not":  {"Editor", true, nil, false, false},
		"no Editor, when the setting is not a role":       {"Owner", false, as("Editor"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Settings{SessionRole: c.sessionRole, IDsInAlerts: c.idsInAlerts}
			caller := s.caller(c.user, c.fromAlert)
			require.Equal(t, c.sees, caller.SessionLevel, "sessions")
			require.Equal(t, c.sees, caller.IDs, "ids")
		})
	}
}

// Alert rules run as Admin, and are written by people who may see what they ask for.
func TestWhoSeesSmallSegments(t *testing.T) {
	as := func(role string) *backend.User { return &backend.User{Login: "mara", Role: role} }
	for name, c := range map[string]struct {
		user      *backend.User
		fromAlert bool
		sees      bool
	}{
		"an Editor":                      {as("Editor"), false, true},
		"no Viewer":                      {as("Viewer"), false, false},
		"nobody without a user":          {nil, false, false},
		"the scheduler":                  {&backend.User{Login: "grafana_scheduler", Role: "Admin"}, false, true},
		"an alert rule without a user":   {nil, true, true},
		"no Viewer who tries out a rule": {as("Viewer"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Settings{SessionRole: "Editor"}
			require.Equal(t, c.sees, s.caller(c.user, c.fromAlert).SmallSegments)
		})
	}
}

func TestTheAlertMarkIsFoundHoweverItIsSent(t *testing.T) {
	for _, headers := range []map[string]string{
		{"FromAlert": "true"}, {"fromalert": "true"}, {"http_FromAlert": "true"}, {"http_Fromalert": "1"}, {"FromAlert": ""},
	} {
		require.True(t, markedFromAlert(headers), "%v", headers)
	}
	for _, headers := range []map[string]string{nil, {"X-Cache-Skip": "true"}, {"FromAlert": "false"}} {
		require.False(t, markedFromAlert(headers), "%v", headers)
	}
}
