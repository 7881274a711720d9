package erase

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// twoStores are two worlds of one sidecar: the same erasures, each with a store, a spool and dead letters of its own.
func twoStores(t *testing.T) (home, eu *world) {
	home, eu = newWorld(t), newWorld(t)
	home.further = map[string]string{"eu": eu.deadLetters()}
	home.restart()
	eu.name, eu.erasures = "eu", home.erasures
	eu.drains()
	return home, eu
}

// moved is a visit whose country, and so whose store, changed on the way, and whose user logged in after that.
func moved(n int, user string) *rum.Beacon {
	b := visit(n)
	b.Context.SessionID, b.Context.UserKey = "moved", user
	return b
}

func TestAnErasureVisitsEveryStore(t *testing.T) {
	home, eu := twoStores(t)
	home.running(func() {
		eu.running(func() {
			home.append(visit(0), moved(1, ""))
			eu.append(visit(2), moved(3, "ann"))
			require.NoError(t, home.drainer.Flush(t.Context()))
			require.NoError(t, eu.drainer.Flush(t.Context()))
			told := home.erase(Request{App: "shop", UserKey: "ann"})
			require.EqualValues(t, 2, told.Rows["views"], "of both")

			home.append(moved(4, "")) // late
			eu.append(moved(5, ""))
		})
	})
	require.Equal(t, "session-0", home.ask("SELECT session_id FROM views"),
		"what was before the login is theirs, though only the other store knows it")
	require.Equal(t, "session-2", eu.ask("SELECT session_id FROM views"))
	for _, w := range []*world{home, eu} {
		require.Equal(t, "verified\t1", w.ask("SELECT state, rows['views'] FROM erasures FINAL"), "each says what was erased there")
	}
}

func TestAnErasureIsVerifiedOnceEveryStoreIs(t *testing.T) {
	home, eu := twoStores(t)
	var id string
	home.running(func() {
		home.append(visit(0), visit(1))
		require.NoError(t, home.drainer.Flush(t.Context()))
		var err error
		id, err = home.erasures.Ask(Request{Session: "session-1"})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return home.ask("SELECT state FROM erasures FINAL") == StateVerified },
			time.Minute, 10*time.Millisecond)
	})
	require.Equal(t, "session-0", home.ask("SELECT session_id FROM views"), "one store does not wait for another")
	told, _ := home.erasures.Status(id)
	require.Equal(t, StateRunning, told.State)

	home.restart()
	eu.erasures = home.erasures
	eu.drains()
	eu.running(func() { require.EqualValues(t, 1, eu.verified(id).Rows["views"]) })
}

func TestAStoreThatIsNoLongerConfiguredHoldsUpNoErasure(t *testing.T) {
	home, _ := twoStores(t)
	id, err := home.erasures.Ask(Request{Session: "session-1"})
	require.NoError(t, err)
	require.NoError(t, home.erasures.Resume(t.Context(), "", home.store))
	told, _ := home.erasures.Status(id)
	require.Equal(t, StateRunning, told.State)

	home.further = nil
	home.restart()
	told, _ = home.erasures.Status(id)
	require.Equal(t, StateVerified, told.State)
	text, err := os.ReadFile(filepath.Join(home.folder, "erasures", id+".json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "session-1")
}

func TestRejectedItemsOfTheErasedAreDeleted(t *testing.T) {
	w := newWorld(t)
	before, later := time.Now(), time.Now().Add(time.Hour)
	for _, one := range []quarantine.Entry{
		{Reason: "of another app", App: "docs", UserKey: "ann", At: before},
		{Reason: "of the user", App: "shop", UserKey: "ann", At: before},
		{Reason: "of a session of the user", App: "shop", SessionID: "theirs", At: later},
		{Reason: "of the session", App: "shop", SessionID: "session-1", At: before},
		{Reason: "of another session", App: "shop", SessionID: "session-2", At: before},
		{Reason: "of the user afterwards", App: "shop", UserKey: "ann", At: later},
		{Reason: "of nobody", App: "shop", At: before},
	} {
		require.True(t, w.rejected.Keep(one))
	}
	w.running(func() {
		theirs := visit(0)
		theirs.Context.SessionID, theirs.Context.UserKey = "theirs", "ann"
		w.append(theirs)
		require.NoError(t, w.drainer.Flush(t.Context()))
		w.erase(Request{App: "shop", UserKey: "ann"})
		w.erase(Request{Session: "session-1"})
	})
	left, err := w.rejected.List()
	require.NoError(t, err)
	var reasons []string
	for _, one := range left {
		reasons = append(reasons, one.Reason)
	}
	require.Equal(t, []string{"of another app", "of another session", "of the user afterwards", "of nobody"}, reasons)
}

func TestWhatAnotherSidecarErasedIsDeletedHereAsWell(t *testing.T) {
	asked, other := newWorld(t), newWorld(t)
	other.store = asked.store
	require.True(t, other.rejected.Keep(quarantine.Entry{App: "shop", SessionID: "session-1"}))
	asked.running(func() { asked.erase(Request{App: "shop", Session: "session-1"}) })
	require.NoError(t, other.erasures.Resume(context.Background(), "", other.store))
	left, err := other.rejected.List()
	require.NoError(t, err)
	require.Empty(t, left)
}
