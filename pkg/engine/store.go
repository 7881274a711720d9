package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// store is the opened data folder. Each request runs on a session with exactly its role, database and settings. Nothing
// a statement may do changes those, so a session that ended well serves the next request that wants the same ones.
type store struct {
	lib      *library
	boot     []string // arguments every connection starts with
	version  string
	timezone string
	number   atomic.Uint64
	slots    map[string]chan struct{} // concurrent statements per role

	keeping sync.Mutex
	keeper  *connection
	open    map[*session]bool
	idle    []*session     // the longest idle first
	drained sync.WaitGroup // one for each open session
}

// concurrency is how many statements of each role run at once; more wait.
var concurrency = map[string]int{roleWriter: 16, roleReader: 16}

func openStore(library, data string) (*store, error) {
	lib, err := loadLibrary(library)
	if err != nil {
		return nil, err
	}
	s := &store{lib: lib, slots: map[string]chan struct{}{}, open: map[*session]bool{}}
	for role, count := range concurrency {
		s.slots[role] = make(chan struct{}, count)
	}
	s.boot = []string{"clickhouse", "--path=" + storePath(data), "--config-file=" + configPath(data)}
	if s.keeper, err = lib.open(s.boot); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.prepare(); err != nil {
		s.close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// prepare creates the database, and learns what the handshake of a client asks for.
func (s *store) prepare() error {
	_, err := s.keeper.run("SELECT version(), timezone()", "TabSeparatedRaw", nil, func(answer []byte) error {
		s.version, s.timezone, _ = strings.Cut(strings.TrimSpace(string(answer)), "\t")
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.keeper.run("CREATE DATABASE IF NOT EXISTS "+Database, "Null", nil, nil); err != nil {
		return err
	}
	_, err = s.keeper.run("SET ROLE "+roleKeeper, "Null", nil, nil)
	return err
}

// session is a connection that serves one request at a time.
type session struct {
	*connection
	store *store
	mark  string // tells this session's statements from all others
	role  string
	key   string // what it was opened with, empty if it is of no use to another request
}

// idleSessions is how many sessions are kept for requests to come. One holds little, but opening one is half the time
// of a small query.
const idleSessions = 32

// session waits for a free slot of the role and opens a connection with the role, database and settings.
func (s *store) session(ctx context.Context, role, database string, settings []setting) (*session, error) {
	select {
	case s.slots[role] <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	key := sessionKey(role, database, settings)
	if kept := s.takeIdle(key); kept != nil {
		return kept, nil
	}
	mark := fmt.Sprintf("session-%d", s.number.Add(1))
	arguments := append(append([]string(nil), s.boot...), "--log_comment="+mark)
	for _, each := range settings {
		arguments = append(arguments, "--"+each.name+"="+each.value)
	}
	conn, err := s.lib.open(arguments)
	if err != nil {
		<-s.slots[role]
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS",
			"The engine refused the request's settings; check their values: %s", describeSettings(settings))
	}
	opened := &session{connection: conn, store: s, mark: mark, role: role, key: key}
	s.keeping.Lock()
	s.open[opened] = true
	s.drained.Add(1)
	s.keeping.Unlock()
	statements := []string{"SET ROLE " + role}
	if database != defaultDatabase {
		statements = append(statements, "USE "+quoteIdentifier(database))
	}
	for _, statement := range statements {
		if _, err := conn.run(statement, "Null", nil, nil); err != nil {
			opened.release(false)
			return nil, err
		}
	}
	return opened, nil
}

// defaultDatabase is the one every connection starts in.
const defaultDatabase = "default"

// explainSyntax returns the parser's complaint about a text that is no statement.
func (s *session) explainSyntax(sql string) error {
	statement := []parameter{{"statement", escapeParameter(sql)}}
	_, err := s.run("SELECT formatQuery({statement:String})", "Null", statement, nil)
	var exception *Exception
	if errors.As(err, &exception) {
		// Without what the library adds about the function it was called in.
		if at := strings.Index(exception.Message, ": In scope SELECT formatQuery("); at > 0 {
			exception.Message = exception.Message[:at] + " (SYNTAX_ERROR)"
		}
		return exception
	}
	if err != nil {
		return err
	}
	return newException(codeAccessDenied, "ACCESS_DENIED", "The embedded engine does not run this kind of statement")
}

// escapeParameter writes a string as a parameter's text, which the engine reads with backslash escapes.
func escapeParameter(value string) string {
	return strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n").Replace(value)
}

// sessionKey identifies what a session was opened with. A deduplication token is used once, and a session with it too.
func sessionKey(role, database string, settings []setting) string {
	parts := []string{role, database}
	for _, each := range settings {
		if each.name == "insert_deduplication_token" {
			return ""
		}
		parts = append(parts, each.name, each.value)
	}
	return strings.Join(parts, "\x00")
}

// takeIdle returns an idle session with the key, the last used one, or nil.
func (s *store) takeIdle(key string) *session {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for i := len(s.idle) - 1; i >= 0; i-- {
		if found := s.idle[i]; found.key == key && key != "" {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.open[found] = true
			s.drained.Add(1)
			return found
		}
	}
	return nil
}

// release ends the session's request. A session whose request failed is not used again.
func (s *session) release(well bool) {
	s.store.keeping.Lock()
	delete(s.store.open, s)
	surplus := s
	if well && s.key != "" && s.store.keeper != nil {
		s.store.idle = append(s.store.idle, s)
		surplus = nil
		if len(s.store.idle) > idleSessions {
			surplus = s.store.idle[0]
			s.store.idle = slices.Delete(s.store.idle, 0, 1)
		}
	}
	s.store.keeping.Unlock()
	if surplus != nil {
		surplus.connection.close()
	}
	s.store.drained.Done()
	<-s.store.slots[s.role]
}

// cancel stops the statement that the session is running, if any. It may be called from any goroutine.
func (s *session) cancel() {
	s.store.keeping.Lock()
	defer s.store.keeping.Unlock()
	s.store.kill(s)
}

func (s *store) kill(running *session) {
	if s.keeper != nil {
		_, _ = s.keeper.run("KILL QUERY WHERE Settings['log_comment'] = '"+running.mark+"' ASYNC", "Null", nil, nil)
	}
}

// drainPatience is how long statements that were told to stop may take before the store is closed under them.
const drainPatience = 10 * time.Second

// close cancels what still runs and closes the store.
func (s *store) close() {
	s.keeping.Lock()
	for running := range s.open {
		s.kill(running)
	}
	s.keeping.Unlock()
	drained := make(chan struct{})
	go func() {
		s.drained.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainPatience):
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for _, each := range s.idle {
		each.connection.close()
	}
	s.idle = nil
	if s.keeper != nil {
		s.keeper.close()
		s.keeper = nil
	}
	// Exiting with an engine thread alive has crashed in the library's own teardown.
	s.lib.shutdown()
}

// setting is one ClickHouse setting of a request.
type setting struct{ name, value string }

func describeSettings(settings []setting) string {
	parts := make([]string, len(settings))
	for i, each := range settings {
		parts[i] = each.name + "=" + each.value
	}
	return strings.Join(parts, ", ")
}

func quoteIdentifier(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
