package erase

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/store"
)

// learnEvery is how often the tombstones that other sidecars of the same store made are read.
const learnEvery = 15 * time.Second

// Hold keeps batches from being inserted until release is called; see drain.Drainer.
type Hold func(ctx context.Context) (release func(), err error)

// Resume learns what was erased and finishes what was left unfinished. Call it before anything is drained: until then
// no error can be inserted into a group that is being rebuilt.
func (e *Erasures) Resume(ctx context.Context, into *store.Store) error {
	if err := e.learn(ctx, into); err != nil {
		return err
	}
	for _, one := range e.unfinished() {
		if err := e.finish(ctx, into, one); err != nil {
			return err
		}
	}
	return nil
}

// Run does what is asked for until the context ends, each as often as it takes.
func (e *Erasures) Run(ctx context.Context, into *store.Store, hold Hold) {
	ticker := time.NewTicker(learnEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-ticker.C:
			if err := e.learn(ctx, into); err != nil && ctx.Err() == nil {
				e.options.Logger.Warn("what other sidecars erased is not known", "error", err)
			}
		}
		for _, one := range e.unfinished() {
			if err := e.finishHeld(ctx, into, hold, one); err != nil && ctx.Err() == nil {
				e.options.Logger.Error("an erasure is not finished and will be tried again", "id", one.ID, "error", err)
			}
		}
	}
}

func (e *Erasures) finishHeld(ctx context.Context, into *store.Store, hold Hold, one *erasure) error {
	release, err := hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return e.finish(ctx, into, one)
}

// learn takes over the tombstones that are in the store.
func (e *Erasures) learn(ctx context.Context, from *store.Store) error {
	all, err := from.Tombstones(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for hash, at := range all {
		if at.After(e.tombstones[hash]) {
			e.tombstones[hash] = at
		}
	}
	return nil
}

// unfinished are copies, the oldest first.
func (e *Erasures) unfinished() []*erasure {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var all []*erasure
	for _, id := range slices.Sorted(maps.Keys(e.all)) {
		if one := *e.all[id]; one.State != StateVerified {
			all = append(all, &one)
		}
	}
	return all
}

// finish does the steps that are left. Each can be done again, and what later steps need is on disk before rows go.
func (e *Erasures) finish(ctx context.Context, into *store.Store, one *erasure) error {
	if one.Plan == nil {
		if err := e.plan(ctx, into, one); err != nil {
			return err
		}
	}
	if err := into.RecordErasure(ctx, one.record()); err != nil {
		return err
	}
	if err := into.EraseRows(ctx, *one.Subject); err != nil {
		return err
	}
	if err := into.MarkHours(ctx, one.Plan.Hours); err != nil {
		return err
	}
	if err := into.RebuildGroups(ctx, one.Plan.Groups); err != nil {
		return err
	}
	if err := e.purgeDeadLetters(); err != nil {
		return err
	}
	if err := into.VerifyErased(ctx, *one.Subject); err != nil {
		return err
	}
	one.State, one.VerifiedAt, one.Rows = StateVerified, time.Now().UTC().Truncate(time.Millisecond), one.Plan.Rows
	one.Subject, one.Plan = nil, nil
	if err := into.RecordErasure(ctx, one.record()); err != nil {
		return err
	}
	if err := e.keep(one); err != nil {
		return err
	}
	e.options.Count(one.App, "", "erasures", one.Kind, 1)
	e.options.Logger.Info("erased and verified", "id", one.ID, "kind", one.Kind, "rows", one.Rows)
	return nil
}

// plan finds the subject's rows. A user is erased with the whole of every session the user was seen in: who else would
// the part before the login be of?
func (e *Erasures) plan(ctx context.Context, from *store.Store, one *erasure) error {
	subject := *one.Subject
	if subject.UserKey != "" {
		sessions, err := from.SessionsOf(ctx, subject.App, subject.UserKey)
		if err != nil {
			return err
		}
		subject.Sessions = sessions
		for _, session := range sessions {
			if hash := hashOfSession(subject.App, session); !slices.Contains(one.Tombstones, hash) {
				one.Tombstones = append(one.Tombstones, hash)
			}
		}
	}
	var found plan
	var err error
	if found.Rows, err = from.Count(ctx, subject); err != nil {
		return err
	}
	if found.Hours, err = from.TouchedHours(ctx, subject); err != nil {
		return err
	}
	if found.Groups, err = from.TouchedGroups(ctx, subject); err != nil {
		return err
	}
	one.Subject, one.Plan = &subject, &found
	return e.keep(one)
}

// keep puts a state on disk, and then makes it known.
func (e *Erasures) keep(one *erasure) error {
	if err := e.write(one); err != nil {
		return err
	}
	kept := *one
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all[one.ID] = &kept
	e.bury(&kept)
	return nil
}

func (one *erasure) record() store.Erasure {
	return store.Erasure{
		ID: one.ID, App: one.App, Kind: one.Kind, RequestedAt: one.RequestedAt, RequestedBy: one.RequestedBy, State: one.State,
		Tombstones: one.Tombstones, Rows: one.Rows, VerifiedAt: one.VerifiedAt,
	}
}
