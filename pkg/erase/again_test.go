package erase

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/drain"
	"github.com/sightline-rum/sightline/pkg/enrich"
)

// bringBack stores a visit whatever was erased, as a disk does that has lost the erasure.
func (w *world) bringBack(n int) {
	w.t.Helper()
	pipeline, err := enrich.New(enrich.Config{})
	require.NoError(w.t, err)
	kept := w.drainer
	defer func() { w.drainer = kept }()
	w.drainer = drain.New(w.spool, w.store, pipeline.AtDrain, drain.Options{})
	w.running(func() {
		w.append(visit(n))
		require.NoError(w.t, w.drainer.Flush(w.t.Context()))
	})
}

func TestAfterAnUncleanEndWhatWasErasedIsLookedForAgain(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		w.append(visit(0), visit(1))
		require.NoError(t, w.drainer.Flush(t.Context()))
		w.erase(Request{App: "shop", Session: "session-1"})
	})
	w.bringBack(1)
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
