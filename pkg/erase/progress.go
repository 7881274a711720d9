package erase

import (
	"maps"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/store"
)

// progress is how far an erasure is in one store. A user's sessions are found store by store, and each may know of
// some that the others do not: a store is done when it was looked through for all of them.
type progress struct {
	Sessions int               `json:"sessions"` // how many of the subject's sessions this store was looked through for
	Plan     *plan             `json:"plan,omitempty"`
	Rows     map[string]uint64 `json:"rows,omitempty"` // erased here, by table

	Recounted map[string]uint64 `json:"recounted,omitempty"` // rows that were written anew without the subject, by table
}

// Done is what an erasure did in one store.
type Done struct {
	Rows      map[string]uint64 `json:"rows"`                // erased, by table
	Recounted map[string]uint64 `json:"recounted,omitempty"` // written anew without the subject, by table
}

// plan is what an erasure found in a store before it changed anything there.
type plan struct {
	Rows   map[string]uint64   `json:"rows"`
	Hours  []store.TouchedHour `json:"hours"`
	Groups []store.ErrorGroup  `json:"groups"`

	Releases []store.Release `json:"releases"`
}

// doneIn says whether nothing is left to do in a store.
func (one *erasure) doneIn(name string) bool {
	if one.State == StateVerified {
		return true
	}
	p, begun := one.Stores[name]
	return begun && p.Plan == nil && p.Sessions == len(one.Subject.Sessions)
}

// settle makes an erasure verified when nothing is left to do in any store.
func (e *Erasures) settle(one *erasure) {
	var rows []map[string]uint64
	done := map[string]Done{}
	for name := range e.options.Stores {
		if !one.doneIn(name) {
			return
		}
		rows = append(rows, one.Stores[name].Rows)
		done[name] = Done{Rows: one.Stores[name].Rows, Recounted: one.Stores[name].Recounted}
	}
	one.State, one.VerifiedAt, one.Rows = StateVerified, time.Now().UTC().Truncate(time.Millisecond), sum(rows...)
	one.Subject, one.Stores, one.Done = nil, nil, done
}

// planned is the subject as it was when a store's plan was made.
func (one *erasure) planned(name string) store.Subject {
	subject := *one.Subject
	subject.Sessions = subject.Sessions[:one.Stores[name].Sessions]
	return subject
}

// clone is a copy that can be changed. Plans never change.
func (one *erasure) clone() *erasure {
	next := *one
	next.Tombstones = slices.Clone(one.Tombstones)
	next.Stores = map[string]progress{}
	maps.Copy(next.Stores, one.Stores)
	if one.Subject != nil {
		subject := *one.Subject
		subject.Sessions = slices.Clone(subject.Sessions)
		next.Subject = &subject
	}
	return &next
}

// record is what a store is told: how the erasure stands there.
func (one *erasure) record(rows map[string]uint64) store.Erasure {
	return store.Erasure{
		ID: one.ID, App: one.App, Kind: one.Kind, RequestedAt: one.RequestedAt, RequestedBy: one.RequestedBy, State: one.State,
		Tombstones: one.Tombstones, Rows: rows, VerifiedAt: one.VerifiedAt,
	}
}

// recounted counts what a plan has written anew, by table.
func (p *plan) recounted() map[string]uint64 {
	return map[string]uint64{"error_groups": uint64(len(p.Groups)), "releases": uint64(len(p.Releases))}
}

// sum adds up rows by table.
func sum(all ...map[string]uint64) map[string]uint64 {
	total := map[string]uint64{}
	for _, rows := range all {
		for table, n := range rows {
			total[table] += n
		}
	}
	return total
}
