package erase

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/drain"
	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// bringBack stores visits whatever was erased, as a disk does that has lost the erasure.
func (w *world) bringBack(visits ...*rum.Beacon) {
	w.t.Helper()
	pipeline, err := enrich.New(enrich.Config{})
	require.NoError(w.t, err)
	kept := w.drainer
	defer func() { w.drainer = kept }()
	w.drainer = drain.New(w.spool, w.store, pipeline.AtDrain, drain.Options{})
	w.running(func() {
		w.append(visits...)
		require.NoError(w.t, w.drainer.Flush(w.t.Context()))
	})
}

// Rows without a session are found by their user, and rows of an app by the app; what came after the erasure stays.
func TestAfterAnUncleanEndUsersAndAppsAreLookedForAgain(t *testing.T) {
	of := func(n int, app, session, user string) *rum.Beacon {
		b := visit(n)
		b.Context.App, b.Context.SessionID, b.Context.UserKey = app, session, user
		return b
	}
	w := newWorld(t)
	w.running(func() {
		w.erase(Request{App: "shop", UserKey: "ann"})
		w.erase(Request{App: "docs", All: true})
	})
	w.bringBack(of(0, "shop", "", "ann"), of(1, "docs", "x", ""), of(2, "shop", "", "bob"),
		comingAgain(of(3, "shop", "later", "ann")), comingAgain(of(4, "docs", "later too", "")))
	w.restart() // as after a power cut: nothing was closed
	w.running(func() {
		require.Eventually(t, func() bool { return w.ask("SELECT count() FROM erasures FINAL WHERE state = 'verified'") == "4" },
			time.Minute, 10*time.Millisecond)
	})
	require.Equal(t, "docs\tlater too\t\nshop\t\tbob\nshop\tlater\tann",
		w.ask("SELECT app, session_id, user_key FROM views ORDER BY app, session_id"))
	require.False(t, w.erasures.Erased(comingAgain(of(5, "shop", "more", "ann"))), "and goes on being measured")
}

func TestAfterAnUncleanEndWhatWasErasedIsLookedForAgain(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		w.append(visit(0), visit(1))
		require.NoError(t, w.drainer.Flush(t.Context()))
		w.erase(Request{App: "shop", Session: "session-1"})
	})
	w.bringBack(visit(1))
	require.NoError(t, w.erasures.Close())
	w.restart()
	w.running(func() {})
	require.Equal(t, "session-0\nsession-1", w.ask("SELECT session_id FROM views ORDER BY session_id"),
		"after a clean end there is nothing to look for")

	w.restart() // as after a power cut: nothing was closed
	w.running(func() {
		require.Eventually(t, func() bool { return w.ask("SELECT count() FROM erasures FINAL WHERE state = 'verified'") == "2" },
			time.Minute, 10*time.Millisecond)
	})
	require.Equal(t, without(t, 2, 1), w.everything())
	require.Equal(t, "1", w.ask("SELECT count() FROM erasures FINAL WHERE requested_by = '"+askedAgain+"'"))
}
