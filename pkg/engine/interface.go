package engine

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// maxStatementBytes bounds a statement's text, literal values included.
const maxStatementBytes = 16 << 20

// httpInterface answers HTTP requests as a ClickHouse server does.
type httpInterface struct {
	store   *store
	access  Access
	maxBody int64
	caps    limits
	engines *regexp.Regexp // that tables may be given
	logger  *slog.Logger

	running   sync.Mutex
	statement map[string]bool // query ids in use
}

func newInterface(s *store, access Access, config Config) *httpInterface {
	engines := allowedEngines
	if config.Distributed {
		engines = distributedToo
	}
	return &httpInterface{
		engines: engines,
		store:   s, access: access, maxBody: config.MaxBodyBytes, logger: config.Logger, statement: map[string]bool{},
		caps: limits{seconds: readerSeconds, memoryBytes: config.MemoryBytes / 4 * 3},
	}
}

func (h *httpInterface) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The library keeps state of a statement in the thread that runs it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if r.URL.Path == "/ping" || (r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "") {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	if r.URL.Path != "/" {
		http.Error(w, "There is no handle "+r.URL.Path+"; the query interface is at /", http.StatusNotFound)
		return
	}
	answer := newAnswer(w, r, h.store)
	role, err := h.authenticate(r)
	if err != nil {
		answer.fail(err)
		return
	}
	if r.ContentLength > h.maxBody {
		answer.fail(newException(codeTooLarge, "TOO_MANY_BYTES", "The body has %d bytes, more than the %d allowed",
			r.ContentLength, h.maxBody))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, h.maxBody)
	if err := h.serve(answer, r, role); err != nil {
		answer.fail(err)
	}
}

// authenticate returns the role of the request's user. A client names user and password by basic authentication, in
// headers, or in the query string.
func (h *httpInterface) authenticate(r *http.Request) (string, error) {
	user, password, given := r.BasicAuth()
	if !given {
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	if user == "" {
		user, password = r.URL.Query().Get("user"), r.URL.Query().Get("password")
	}
	for role, login := range map[string]Login{roleWriter: h.access.Writer, roleReader: h.access.Reader} {
		if user == login.User && samePassword(password, login.Password) {
			return role, nil
		}
	}
	return "", newException(codeAuthenticationFail, "AUTHENTICATION_FAILED",
		"%s: Authentication failed: password is incorrect, or there is no user with such name", user)
}

// samePassword compares without telling by its duration how much matched.
func samePassword(given, expected string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(expected))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// serve runs the statement of an authenticated request.
func (h *httpInterface) serve(answer *answer, r *http.Request, role string) (failure error) {
	request, err := readRequest(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(request.sql) == handshake {
		return answer.handshake(request)
	}
	if err := h.claim(request.queryID); err != nil {
		return err
	}
	defer h.release(request.queryID)
	settings, err := requestSettings(role, request.settings, h.caps)
	if err != nil {
		return err
	}
	session, err := h.store.session(r.Context(), role, request.database, settings)
	if err != nil {
		return err
	}
	defer func() { session.release(failure == nil) }()

	if request.insert != nil {
		return h.insert(answer, r, session, request)
	}
	report, err := session.analyse(request.sql)
	if err != nil {
		return err
	}
	if report.class == classUnknown {
		return session.explainSyntax(request.sql)
	}
	if err := decide(role, request.sql, report, h.engines); err != nil {
		return err
	}
	finished := cancelWithClient(r.Context(), session)
	defer finished()
	request.format = formatClause(request.sql, request.format)
	write := func(piece []byte) error { return answer.write(request, piece) }
	if report.class != classRead || !streams(request.sql, request.format) {
		if answer.rowsWritten, err = session.run(request.sql, request.format, request.parameters, write); err != nil {
			return err
		}
		return answer.close(request)
	}
	stream, err := session.stream(request.sql, request.format, request.parameters)
	if err != nil {
		return err
	}
	defer stream.close()
	for {
		more, err := stream.next(write)
		if err != nil {
			return err
		}
		if !more {
			return answer.close(request)
		}
	}
}

// insert feeds an INSERT with the request's data.
func (h *httpInterface) insert(answer *answer, r *http.Request, session *session, request *request) error {
	head := *request.insert
	report, err := session.analyse(head.statement + " FORMAT " + head.format)
	if err != nil {
		return err
	}
	if report.class == classUnknown {
		return session.explainSyntax(head.statement + " FORMAT " + head.format)
	}
	if err := decide(session.role, head.statement, report, h.engines); err != nil {
		return err
	}
	if err := decideInputFormat(head.format); err != nil {
		return err
	}
	stream, err := session.connection.insert(head.statement, head.format)
	if err != nil {
		return err
	}
	defer stream.close()
	buffer := make([]byte, 1<<20)
	if _, err := io.CopyBuffer(struct{ io.Writer }{stream}, struct{ io.Reader }{request.body}, buffer); err != nil {
		stream.cancel()
		return bodyError(err)
	}
	written, err := stream.done()
	if err != nil {
		return err
	}
	answer.rowsWritten = written
	return answer.close(request)
}

// bodyError turns a failure to read a request's body into an exception that says which.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return newException(codeTooLarge, "TOO_MANY_BYTES", "The body has more than the %d bytes allowed", tooLarge.Limit)
	}
	var exception *Exception
	if errors.As(err, &exception) {
		return exception
	}
	return newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the request's body: %v", err)
}

// cancelWithClient cancels the session's statement when the client goes away. The returned function ends the watch.
func cancelWithClient(ctx context.Context, session *session) func() {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		session.cancel()
		close(stopped)
	})
	return func() {
		if !stop() {
			<-stopped
		}
	}
}

// claim reserves a query id; two statements with the same one do not run at once.
func (h *httpInterface) claim(id string) error {
	h.running.Lock()
	defer h.running.Unlock()
	if h.statement[id] {
		return newException(codeQueryIDInUse, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
			"Query with id = %s is already running", id)
	}
	h.statement[id] = true
	return nil
}

func (h *httpInterface) release(id string) {
	h.running.Lock()
	defer h.running.Unlock()
	delete(h.statement, id)
}

// formatSummary is the X-ClickHouse-Summary header's JSON.
func formatSummary(rowsWritten uint64) string {
	return fmt.Sprintf(`{"read_rows":"0","read_bytes":"0","written_rows":"%s","written_bytes":"0"}`,
		strconv.FormatUint(rowsWritten, 10))
}

// isTrue reads a boolean of a query string as ClickHouse does.
func isTrue(value string) bool { return value == "1" || strings.EqualFold(value, "true") }
