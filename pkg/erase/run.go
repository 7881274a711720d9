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

// Resume learns what was erased and finishes what was left unfinished in a store. Call it before anything is drained
// into it: until then no error can be inserted into a group that is being rebuilt.
func (e *Erasures) Resume(ctx context.Context, name string, into *store.Store) error {
	if err := e.learn(ctx, name, into); err != nil {
		return err
	}
	if err := e.purge(name); err != nil {
		return err
	}
	if err := e.lookAgain(ctx, name, into); err != nil {
		return err
	}
	for _, id := range e.unfinished(name) {
		if err := e.finish(ctx, name, into, id); err != nil {
			return err
		}
	}
	return nil
}

// Run does what is asked for in one store until the context ends, each as often as it takes.
func (e *Erasures) Run(ctx context.Context, name string, into *store.Store, hold Hold) {
	ticker := time.NewTicker(learnEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake[name]:
		case <-ticker.C:
			if err := e.learn(ctx, name, into); err != nil && ctx.Err() == nil {
				e.options.Logger.Warn("what other sidecars erased is not known", "store", name, "error", err)
			}
		}
		for _, id := range e.unfinished(name) {
			if err := e.finishHeld(ctx, name, into, hold, id); err != nil && ctx.Err() == nil {
				e.options.Logger.Error("an erasure is not finished and will be tried again", "store", name, "id", id, "error", err)
			}
		}
	}
}

func (e *Erasures) finishHeld(ctx context.Context, name string, into *store.Store, hold Hold, id string) error {
	release, err := hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return e.finish(ctx, name, into, id)
}

// learn takes over the tombstones that are in a store. What this sidecar holds of those that others asked for goes.
func (e *Erasures) learn(ctx context.Context, name string, from *store.Store) error {
	all, err := from.Tombstones(ctx)
	if err != nil {
		return err
	}
	if !e.buryAll(all) {
		return nil
	}
	return e.purge(name)
}

// buryAll says whether any of the tombstones is new.
func (e *Erasures) buryAll(all map[string]time.Time) (anyNew bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for hash, at := range all {
		if at.After(e.tombstones[hash]) {
			e.tombstones[hash] = at
			anyNew = true
		}
	}
	return anyNew
}

// unfinished are the ids of what is left to do in a store, the oldest first.
func (e *Erasures) unfinished(name string) []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(e.all)) {
		if !e.all[id].doneIn(name) {
			ids = append(ids, id)
		}
	}
	return ids
}

// finish does the steps that are left in a store. Each can be done again, and what later steps need is on disk before
// rows go.
func (e *Erasures) finish(ctx context.Context, name string, into *store.Store, id string) error {
	one := e.find(id)
	for !one.doneIn(name) {
		var err error
		if one, err = e.plan(ctx, name, into, one); err != nil {
			return err
		}
		if one, err = e.carryOut(ctx, name, into, one); err != nil {
			return err
		}
	}
	if one.State == StateVerified {
		e.options.Count(one.App, "", "erasures", one.Kind, 1)
		e.options.Logger.Info("erased and verified", "id", one.ID, "kind", one.Kind, "rows", one.Rows)
	}
	return nil
}

// carryOut erases what was planned. The erasure is verified with the last store.
func (e *Erasures) carryOut(ctx context.Context, name string, into *store.Store, one *erasure) (*erasure, error) {
	subject, at := one.planned(name), one.Stores[name]
	if err := into.RecordErasure(ctx, one.record(nil)); err != nil {
		return nil, err
	}
	if err := into.EraseRows(ctx, subject); err != nil {
		return nil, err
	}
	if err := into.MarkHours(ctx, at.Plan.Hours); err != nil {
		return nil, err
	}
	if err := e.rollAgain(ctx, into, at.Plan.Hours); err != nil {
		return nil, err
	}
	if err := into.RebuildGroups(ctx, at.Plan.Groups); err != nil {
		return nil, err
	}
	if err := into.RebuildReleases(ctx, at.Plan.Releases); err != nil {
		return nil, err
	}
	if err := e.purge(name); err != nil {
		return nil, err
	}
	if subject.Until.IsZero() {
		subject.Until = one.RequestedAt // who comes again is measured again, perhaps by another sidecar already
	}
	if err := into.EraseCounts(ctx, subject); err != nil {
		return nil, err
	}
	if err := into.VerifyErased(ctx, subject); err != nil {
		return nil, err
	}
	verified := one.clone()
	verified.State, verified.VerifiedAt = StateVerified, time.Now().UTC().Truncate(time.Millisecond)
	at = progress{Sessions: at.Sessions, Rows: sum(at.Rows, at.Plan.Rows), Recounted: sum(at.Recounted, at.Plan.recounted())}
	if err := into.RecordErasure(ctx, verified.record(at.Rows)); err != nil {
		return nil, err
	}
	return e.change(one.ID, func(one *erasure) {
		one.Stores[name] = at
		e.settle(one)
	})
}

// plan finds the subject's rows in a store. A user is erased with the whole of every session the user was seen in, and
// in every store: who else would the part before the login be of?
func (e *Erasures) plan(ctx context.Context, name string, from *store.Store, one *erasure) (*erasure, error) {
	if one.Stores[name].Plan != nil {
		return one, nil
	}
	if one.Subject.UserKey != "" {
		found, err := from.SessionsOf(ctx, *one.Subject)
		if err != nil {
			return nil, err
		}
		if one, err = e.add(one, found); err != nil {
			return nil, err
		}
	}
	var found plan
	var err error
	if found.Rows, err = from.Count(ctx, *one.Subject); err != nil {
		return nil, err
	}
	if found.Hours, err = from.TouchedHours(ctx, *one.Subject); err != nil {
		return nil, err
	}
	if found.Groups, err = from.TouchedGroups(ctx, *one.Subject); err != nil {
		return nil, err
	}
	if found.Releases, err = from.TouchedReleases(ctx, *one.Subject); err != nil {
		return nil, err
	}
	sessions := len(one.Subject.Sessions)
	return e.change(one.ID, func(one *erasure) {
		at := one.Stores[name]
		at.Sessions, at.Plan = sessions, &found
		one.Stores[name] = at
	})
}

// add makes sessions part of the subject. The stores that were looked through without them are looked through again.
func (e *Erasures) add(one *erasure, sessions []string) (*erasure, error) {
	known := len(one.Subject.Sessions)
	one, err := e.change(one.ID, func(one *erasure) {
		for _, session := range sessions {
			if !slices.Contains(one.Subject.Sessions, session) {
				one.Subject.Sessions = append(one.Subject.Sessions, session)
				one.Tombstones = append(one.Tombstones, hashOfSession(one.Subject.App, session))
			}
		}
	})
	if err == nil && len(one.Subject.Sessions) > known {
		e.wakeAll()
	}
	return one, err
}

func (e *Erasures) find(id string) *erasure {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.all[id]
}

// change puts a change on disk, and then makes it known.
func (e *Erasures) change(id string, how func(one *erasure)) (*erasure, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	next := e.find(id).clone()
	how(next)
	if err := e.write(next); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all[id] = next
	e.bury(next)
	return next, nil
}
