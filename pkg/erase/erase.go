// Package erase removes what is known of a visit or of a user, on request, and sees to it that it stays removed.
//
// A request is written to disk before it is answered, with everything that is needed to finish it after a crash. From
// then on it is a tombstone: beacons of the same visit or user that come late, are tried again, or still lie in the
// spool are dropped when they are drained. The rows are erased while no batch is on its way into the store.
package erase

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// States of an erasure.
const (
	StateRunning  = "running"
	StateVerified = "verified"
)

// Kinds of subject.
const (
	KindSession = "session"
	KindUser    = "user"
	KindApp     = "app"
)

// Request says whose data is to be erased: of one session, of one user by the keyed hash of the site's own key, or of a
// whole app.
type Request struct {
	App     string // "" is every app, for a session only: a user's hash is of one app
	Session string
	UserKey string
	All     bool   // everything that visitors left of the app
	By      string // who asked, for the record
}

// Options are what Erasures are made of. The folder and the logger are required.
type Options struct {
	Folder string // for the requests
	Logger *slog.Logger

	// Stores are all that may hold a subject's rows, by name, each with the folder of the records that could not be
	// stored in it. Without any there is one, whose name is "".
	Stores map[string]string

	// AppDays is for how many days visits of some apps are kept, where that is shorter than their tables' rows.
	AppDays map[string]int

	// Quarantine holds rejected items, some of which may be the subject's. It may be nil.
	Quarantine *quarantine.Quarantine

	// Forget has the spool of a store free its files of what is drained, which may be the subject's. It may be nil.
	Forget func(store string) error

	// Count adds to one of the pipeline's own counters. It may be nil.
	Count func(app, environment, counter, reason string, n int64)
}

// Erasures are all that were asked for. They are safe for concurrent use.
type Erasures struct {
	options Options
	wake    map[string]chan struct{} // by store

	changing sync.Mutex // held while a request's file is written: every store goes on by itself

	mu         sync.RWMutex
	all        map[string]*erasure  // what a pointer points to never changes
	unclean    map[string]bool      // the stores to look through again
	tombstones map[string]time.Time // by hash: what was known until then is erased
}

// erasure is one request as its file holds it. Once verified, nothing in it tells whose data it was but hashes.
type erasure struct {
	ID          string            `json:"id"`
	App         string            `json:"app,omitempty"`
	Kind        string            `json:"kind"`
	RequestedAt time.Time         `json:"requested_at"`
	RequestedBy string            `json:"requested_by,omitempty"`
	State       string            `json:"state"`
	Tombstones  []string          `json:"tombstones"`
	VerifiedAt  time.Time         `json:"verified_at,omitzero"`
	Rows        map[string]uint64 `json:"rows,omitempty"`

	Subject *store.Subject      `json:"subject,omitempty"` // until verified
	Stores  map[string]progress `json:"stores,omitempty"`  // until verified
	Done    map[string]Done     `json:"done,omitempty"`    // by store, once verified
}

// Open reads what was asked for before, finished or not.
func Open(o Options) (*Erasures, error) {
	if o.Folder == "" || o.Logger == nil {
		return nil, errors.New("erase: a folder and a logger are required")
	}
	if o.Count == nil {
		o.Count = func(string, string, string, string, int64) {}
	}
	if len(o.Stores) == 0 {
		o.Stores = map[string]string{"": ""}
	}
	e := &Erasures{options: o, wake: map[string]chan struct{}{}, all: map[string]*erasure{}, tombstones: map[string]time.Time{},
		unclean: map[string]bool{}}
	for name := range o.Stores {
		e.wake[name] = make(chan struct{}, 1)
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	if err := e.read(); err != nil {
		return nil, err
	}
	if err := e.markAll(); err != nil {
		return nil, err
	}
	return e, nil
}

// ErrIncomplete is the error of a request that names nobody, or more than one.
var ErrIncomplete = errors.New("name either a session, or a user and the app, or all of an app")

// Ask writes a request to disk and returns its id. The rows go as soon as the store can be reached.
func (e *Erasures) Ask(r Request) (id string, err error) {
	if !r.complete() {
		return "", ErrIncomplete
	}
	subject := store.Subject{App: r.App, UserKey: r.UserKey, All: r.All}
	if r.Session != "" {
		subject.Sessions = []string{r.Session}
	}
	return e.ask(subject, r.By)
}

// ask is Ask for a subject. One with an Until was erased before, and its tombstone is there.
func (e *Erasures) ask(of store.Subject, by string) (id string, err error) {
	one := &erasure{
		ID: ulid.Make().String(), App: of.App, Kind: KindSession, RequestedAt: time.Now().UTC().Truncate(time.Millisecond),
		RequestedBy: by, State: StateRunning, Subject: &of,
	}
	switch {
	case of.All:
		one.Kind = KindApp
		one.Tombstones = []string{hashOfApp(of.App)}
	case of.UserKey != "":
		one.Kind = KindUser
		one.Tombstones = []string{hashOfUser(of.App, of.UserKey)}
	default:
		one.Tombstones = []string{hashOfSession(of.App, of.Sessions[0])}
	}
	if !of.Until.IsZero() {
		one.Tombstones = []string{}
	}
	if err := e.write(one); err != nil {
		return "", err
	}
	e.mu.Lock()
	e.all[one.ID] = one
	e.bury(one)
	e.mu.Unlock()
	e.wakeAll()
	return one.ID, nil
}

// complete says whether a request names one subject, and not two.
func (r Request) complete() bool {
	switch {
	case r.All:
		return r.App != "" && r.Session == "" && r.UserKey == ""
	case r.UserKey != "":
		return r.App != "" && r.Session == ""
	default:
		return r.Session != ""
	}
}

// wakeAll has every store look for what is unfinished.
func (e *Erasures) wakeAll() {
	for _, wake := range e.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// bury remembers an erasure's tombstones. The caller holds the lock.
func (e *Erasures) bury(one *erasure) {
	for _, hash := range one.Tombstones {
		if one.RequestedAt.After(e.tombstones[hash]) {
			e.tombstones[hash] = one.RequestedAt
		}
	}
}

// Erased says whether a beacon belongs to a session that was erased, or to a user or an app and to the time before the
// erasure: a user who comes again afterwards is measured again, and so is an app.
func (e *Erasures) Erased(b *rum.Beacon) bool {
	c := &b.Context
	return e.erased(c.App, c.SessionID, c.UserKey, b.Earliest)
}

// erased is Erased for what is not a beacon. When it happened is asked for only where that decides.
func (e *Erasures) erased(app, session, userKey string, at func() int64) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if len(e.tombstones) == 0 {
		return false
	}
	if session != "" {
		if _, erased := e.tombstones[hashOfSession(app, session)]; erased {
			return true
		}
		if _, erased := e.tombstones[hashOfSession("", session)]; erased {
			return true
		}
	}
	if until, erased := e.tombstones[hashOfApp(app)]; erased && at() <= until.UnixMilli() {
		return true
	}
	if userKey == "" {
		return false
	}
	until, erased := e.tombstones[hashOfUser(app, userKey)]
	return erased && at() <= until.UnixMilli()
}

// What these compute, store.ErasedRows computes as well.
func hashOfSession(app, session string) string { return hash(KindSession, app, session) }
func hashOfUser(app, userKey string) string    { return hash(KindUser, app, userKey) }
func hashOfApp(app string) string              { return hash(KindApp, app) }

func hash(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Unfinished counts the erasures that are not verified yet.
func (e *Erasures) Unfinished() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	n := 0
	for _, one := range e.all {
		if one.State != StateVerified {
			n++
		}
	}
	return n
}

// Status is what can be said of an erasure.
type Status struct {
	ID          string            `json:"id"`
	App         string            `json:"app,omitempty"`
	Kind        string            `json:"kind"`
	State       string            `json:"state"`
	RequestedAt time.Time         `json:"requested_at"`
	RequestedBy string            `json:"requested_by,omitempty"`
	VerifiedAt  time.Time         `json:"verified_at,omitzero"`
	Rows        map[string]uint64 `json:"rows,omitempty"`   // erased, by table
	Stores      map[string]Done   `json:"stores,omitempty"` // once verified; the main store's name is ""
}

// Status of one erasure, if there is such.
func (e *Erasures) Status(id string) (Status, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	one := e.all[id]
	if one == nil {
		return Status{}, false
	}
	return Status{
		ID: one.ID, App: one.App, Kind: one.Kind, State: one.State, RequestedAt: one.RequestedAt, RequestedBy: one.RequestedBy,
		VerifiedAt: one.VerifiedAt, Rows: one.Rows, Stores: one.Done,
	}, true
}
