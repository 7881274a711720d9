package plugin

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sightline-rum/sightline/pkg/query"
)

// Grafana's organisation roles.
const (
	roleViewer = "Viewer"
	roleEditor = "Editor"
	roleAdmin  = "Admin"
)

// schedulerLogin is the user that Grafana evaluates alert rules as.
const schedulerLogin = "grafana_scheduler"

// rank orders the roles. No user, a public dashboard's empty role and None are all below Viewer.
func rank(role string) int {
	switch role {
	case roleAdmin:
		return 3
	case roleEditor:
		return 2
	case roleViewer:
		return 1
	default:
		return 0
	}
}

// caller decides what the origin of a request may see. That an alert rule asks is looked at before the role, because
// rules run as an Admin while their answers reach everybody who receives the message.
//
// Even with idsInAlerts set a person's own role counts: trying out a rule in the editor carries the alert mark too, and
// must not show a Viewer what a panel would not.
func (s *Settings) caller(user *backend.User, fromAlert bool) query.Caller {
	role := ""
	if user != nil {
		role = user.Role
		fromAlert = fromAlert || user.Login == schedulerLogin
	}
	needed := rank(s.SessionRole)
	if needed == 0 {
		needed = rank(roleAdmin) // never reached with checked settings; if it is, nobody gains by it
	}
	allowed := rank(role) >= needed
	// A rule is written by somebody who may see small segments, and may name one on purpose: of the app's checkout, say.
	small := allowed || fromAlert && user == nil
	if fromAlert {
		allowed = s.IDsInAlerts && (allowed || user == nil)
	}
	return query.Caller{SessionLevel: allowed, IDs: allowed, SmallSegments: small, Role: role, FromAlert: fromAlert}
}

// markedFromAlert looks for the alert mark in a request's headers. Grafana sends it under its bare name; a forwarded
// HTTP header would carry a prefix. Anything but an explicit "false" counts, since the mark only ever takes rights away.
func markedFromAlert(headers map[string]string) bool {
	for key, value := range headers {
		key = strings.TrimPrefix(strings.ToLower(key), "http_")
		if key == strings.ToLower(backend.FromAlertHeaderName) && !strings.EqualFold(value, "false") {
			return true
		}
	}
	return false
}
