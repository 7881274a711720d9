package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// without is a store in which some of the visits never were.
func without(t *testing.T, n int, missing ...int) string {
	w := newWorld(t)
	w.running(func() {
		for i := range n {
			if !contains(missing, i) {
				w.append(visit(i))
			}
		}
	})
	return w.everything()
}

func contains(list []int, n int) bool {
	for _, one := range list {
		if one == n {
			return true
		}
	}
	return false
}

// The erased visit is the first of its error group in one case, the last in another, and the only one in the third.
func TestAfterAnErasureTheStoreIsAsIfTheVisitHadNeverBeen(t *testing.T) {
	for _, c := range []struct{ visits, erased int }{{7, 0}, {7, 6}, {2, 1}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			w := newWorld(t)
			w.running(func() {
				for n := range c.visits {
					w.append(visit(n))
				}
				require.NoError(t, w.drainer.Flush(t.Context()))
				told := w.erase(Request{App: "shop", Session: fmt.Sprint("session-", c.erased), By: "ann"})
				require.EqualValues(t, itemsOfAVisit, told.Rows["session_events"])
				require.EqualValues(t, 1, told.Rows["trace_sessions"])
				require.Equal(t, "ann", told.RequestedBy)
			})
			require.Equal(t, without(t, c.visits, c.erased), w.everything())
			require.Equal(t, "verified\tsession\tann", w.ask("SELECT state, kind, requested_by FROM erasures FINAL"))
			require.Equal(t, "0", w.ask("SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND active "+
				"AND has_lightweight_delete"), "hidden rows are gone from the active parts")
		})
	}
}

func TestWhatWasErasedDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	w.append(visit(0), visit(1)) // they wait in the spool
	id, err := w.erasures.Ask(Request{Session: "session-1"})
	require.NoError(t, err)
	want := without(t, 2, 1)
	w.running(func() { w.verified(id) })
	require.Equal(t, want, w.everything(), "what lay in the spool")
	require.EqualValues(t, itemsOfAVisit, w.erased.Load())

	w.running(func() { w.append(visit(1)) })
	require.Equal(t, want, w.everything(), "what came late")

	w.restart()
	w.running(func() { w.append(visit(1)) })
	require.Equal(t, want, w.everything(), "what came after a restart")

	other := newWorld(t) // a second sidecar of the same store
	other.store = w.store
	other.restart()
	other.running(func() { other.append(visit(1)) })
	require.Equal(t, want, w.everything(), "what came to another sidecar")
}

func TestAUserIsErasedWithAllOfTheirVisitsAndMeasuredAgainAfterwards(t *testing.T) {
	of := func(n int, session, user string) *rum.Beacon {
		b := visit(n)
		b.Context.SessionID, b.Context.UserKey = session, user
		return b
	}
	w := newWorld(t)
	w.running(func() {
		// The first beacon of a session comes before the user logs in.
		w.append(of(0, "a", ""), of(1, "a", "ann"), of(2, "b", "ann"), of(3, "c", "bob"))
		require.NoError(t, w.drainer.Flush(t.Context()))
		told := w.erase(Request{App: "shop", UserKey: "ann"})
		require.EqualValues(t, 3, told.Rows["views"])
		w.append(of(4, "a", ""))    // late, of a session that was theirs
		w.append(of(5, "d", "ann")) // late, from before the erasure
		w.append(comingAgain(of(0, "e", "ann")))
	})
	require.Equal(t, "c\ne", w.ask("SELECT session_id FROM views ORDER BY session_id"))
	require.Equal(t, "bob\nann", w.ask("SELECT user_key FROM views ORDER BY session_id"))
}

// What is interrupted at any point ends the same.
func TestAnErasureThatWasInterruptedIsFinishedAtTheNextStart(t *testing.T) {
	want := without(t, 7, 3)
	steps := []struct {
		name string
		do   func(ctx context.Context, w *world, one *erasure) error
	}{
		{"asked", func(context.Context, *world, *erasure) error { return nil }},
		{"planned", func(ctx context.Context, w *world, one *erasure) error {
			_, err := w.erasures.plan(ctx, "", w.store, one)
			return err
		}},
		{"rows erased", func(ctx context.Context, w *world, one *erasure) error { return w.store.EraseRows(ctx, *one.Subject) }},
		{"hours marked", func(ctx context.Context, w *world, one *erasure) error {
			return w.store.MarkHours(ctx, one.Stores[""].Plan.Hours)
		}},
		{"groups rebuilt", func(ctx context.Context, w *world, one *erasure) error {
			return w.store.RebuildGroups(ctx, one.Stores[""].Plan.Groups)
		}},
	}
	for n, last := range steps {
		t.Run(last.name, func(t *testing.T) {
			w := newWorld(t)
			w.running(func() {
				for i := range 7 {
					w.append(visit(i))
				}
			})
			id, err := w.erasures.Ask(Request{App: "shop", Session: "session-3"})
			require.NoError(t, err)
			for _, step := range steps[:n+1] {
				require.NoError(t, step.do(t.Context(), w, w.erasures.find(id)))
			}
			w.restart()
			w.running(func() { require.Equal(t, StateVerified, w.verified(id).State) })
			require.Equal(t, want, w.everything())
		})
	}
}

func TestNothingOfAFinishedErasureSaysWhoseItWas(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		b := visit(0)
		b.Context.UserKey = "ann"
		w.append(b)
		require.NoError(t, w.drainer.Flush(t.Context()))
		w.erase(Request{App: "shop", UserKey: "ann", By: "support"})
	})
	files, err := filepath.Glob(filepath.Join(w.folder, "erasures", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for _, private := range []string{"ann", "session-0"} {
		require.NotContains(t, string(text), private)
		require.NotContains(t, w.ask("SELECT * FROM erasures"), private)
	}
}

func TestDeadLettersOfTheErasedAreDeleted(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.MkdirAll(w.deadLetters(), 0o700))
	for n := range 2 {
		raw, err := (&rum.Record{Beacon: visit(n)}).MarshalMsg(nil)
		require.NoError(t, err)
		text, err := json.Marshal(map[string]any{"record": raw})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(w.deadLetters(), fmt.Sprint(n, ".json")), text, 0o600))
	}
	w.running(func() { w.erase(Request{Session: "session-1"}) })
	left, err := filepath.Glob(filepath.Join(w.deadLetters(), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(w.deadLetters(), "0.json")}, left)
}

func TestTheHoursOfErasedRowsAreMarked(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		w.append(visit(0), visit(1))
		require.NoError(t, w.drainer.Flush(t.Context()))
		w.erase(Request{App: "shop", Session: "session-1"})
	})
	require.Equal(t, fmt.Sprint(2*itemsOfAVisit+1), w.ask("SELECT sum(rows) FROM hour_inserts"))
}

func TestAnAppIsErasedAndMeasuredAgainAfterwards(t *testing.T) {
	of := func(n int, app string) *rum.Beacon {
		b := visit(n)
		b.Context.App = app
		return b
	}
	w := newWorld(t)
	w.running(func() {
		w.append(of(0, "shop"), of(1, "docs"), of(3, "shop"))
		require.NoError(t, w.drainer.Flush(t.Context()))
		told := w.erase(Request{App: "shop", All: true})
		require.EqualValues(t, 2, told.Rows["views"])
		require.EqualValues(t, 1, told.Rows["error_groups"], "of which both were")
		require.EqualValues(t, 2, told.Rows["releases"])
		w.append(of(4, "shop")) // late, from before the erasure
		w.append(comingAgain(of(5, "shop")))
	})
	require.Equal(t, "docs\tsession-1\nshop\tsession-5", w.ask("SELECT app, session_id FROM views ORDER BY app"))
	for _, table := range []string{"sessions", "error_groups", "releases", "trace_sessions"} {
		require.Equal(t, "docs\nshop", w.ask("SELECT DISTINCT app FROM "+table+" ORDER BY app"), table)
	}
}

func TestARequestNamesOneSubject(t *testing.T) {
	w := newWorld(t)
	for _, r := range []Request{{}, {App: "shop"}, {UserKey: "ann"}, {App: "shop", Session: "a", UserKey: "b"},
		{All: true}, {App: "shop", All: true, Session: "a"}, {App: "shop", All: true, UserKey: "ann"}} {
		_, err := w.erasures.Ask(r)
		require.ErrorIs(t, err, ErrIncomplete, fmt.Sprint(r))
	}
}

func TestADamagedRequestStopsTheStart(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "x.json"), []byte("{"), 0o600))
	_, err := Open(Options{Folder: folder, Logger: newWorld(t).erasures.options.Logger})
	require.ErrorContains(t, err, "is damaged")
	require.True(t, strings.Contains(err.Error(), "ask for the erasure again"))
}
