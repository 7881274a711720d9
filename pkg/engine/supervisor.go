package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Child is an engine to run as a child process: "<Executable> engine --data Data --listen Listen".
type Child struct {
	Executable  string
	Data        string
	Listen      string       // default 127.0.0.1:8123; with port 0, the port of the first start is kept for all later ones
	Environment []string     // added to the parent's
	Logger      *slog.Logger // default slog.Default()
}

// Supervisor keeps an engine child alive.
type Supervisor struct {
	child  Child
	cancel context.CancelFunc
	ended  chan struct{} // closed when the supervisor has given up or was stopped

	mu      sync.Mutex
	access  Access
	ready   chan struct{} // closed while access is valid
	failure error         // why the supervisor gave up
}

// Pauses between restarts, and how long a child must have run for the pause to start small again.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 30 * time.Second
	steadyAfter  = time.Minute
	// stopPatience is how long a stopped child may take to close its store before it is killed.
	stopPatience = 20 * time.Second
)

// parentEnvironment tells a child that its standard input is a pipe that closes when its parent dies.
const parentEnvironment = "SIGHTLINE_ENGINE_PARENT"

// Supervise starts an engine as a child process and restarts it, with growing pauses, whenever it dies. It gives up
// only when the child ends by itself, with an error, before it was ever ready: a locked folder, a missing library or a
// taken port do not get better by trying again. Ready tells why.
func Supervise(child Child) (*Supervisor, error) {
	if child.Executable == "" || child.Data == "" {
		return nil, errors.New("supervise engine: executable and data folder are needed")
	}
	if child.Listen == "" {
		child.Listen = DefaultListen
	}
	if child.Logger == nil {
		child.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor{child: child, cancel: cancel, ended: make(chan struct{}), ready: make(chan struct{})}
	go s.run(ctx)
	return s, nil
}

// Ready waits until the engine answers and returns how to reach it. After a crash it waits for the next start.
func (s *Supervisor) Ready(ctx context.Context) (Access, error) {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	select {
	case <-ready:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.access, nil
	case <-s.ended:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failure != nil {
			return Access{}, s.failure
		}
		return Access{}, errors.New("the engine was stopped")
	case <-ctx.Done():
		return Access{}, fmt.Errorf("wait for engine: %w", ctx.Err())
	}
}

// Stop ends the child, letting it close its store, and waits until it is gone or the context ends.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop engine: %w", ctx.Err())
	}
}

// run starts the child again and again until the context ends.
func (s *Supervisor) run(ctx context.Context) {
	defer close(s.ended)
	// Linux signals a child when the thread that started it ends, so that thread has to live as long as this loop.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, longestPause
	for everReady := false; ; {
		started := time.Now()
		wasReady, err := s.runOnce(ctx)
		everReady = everReady || wasReady
		if ctx.Err() != nil {
			return
		}
		var exit *exec.ExitError
		if !everReady && (!errors.As(err, &exit) || exit.Exited()) {
			s.mu.Lock()
			s.failure = err
			s.mu.Unlock()
			return
		}
		if time.Since(started) > steadyAfter {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		s.child.Logger.Error("engine died, restarting it", "error", err, "after", time.Since(started).Round(time.Millisecond),
			"pause", wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// runOnce starts the child and waits for its end. It reports whether the child became ready.
func (s *Supervisor) runOnce(ctx context.Context) (bool, error) {
	command := exec.Command(s.child.Executable, "engine", "--data", s.child.Data, "--listen", s.child.Listen)
	command.Env = append(append(childEnvironment(os.Environ()), s.child.Environment...), parentEnvironment+"=1")
	command.SysProcAttr = childAttributes()
	said := &lastLines{}
	command.Stdout = os.Stderr
	command.Stderr = io.MultiWriter(os.Stderr, said)
	alive, err := command.StdinPipe()
	if err != nil {
		return false, fmt.Errorf("start engine: %w", err)
	}
	defer func() { _ = alive.Close() }()
	if err := command.Start(); err != nil {
		return false, fmt.Errorf("start engine: %w", err)
	}
	exited := make(chan error, 1)
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	watched := make(chan bool, 1)
	go func() { watched <- s.watch(watching, command.Process.Pid) }()
	go func() { exited <- command.Wait() }()

	var ended error
	select {
	case ended = <-exited:
	case <-ctx.Done():
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case ended = <-exited:
		case <-time.After(stopPatience):
			_ = command.Process.Kill()
			ended = <-exited
		}
	}
	unwatch()
	wasReady := <-watched
	if wasReady {
		s.mu.Lock()
		s.ready = make(chan struct{})
		s.mu.Unlock()
	}
	if last := said.last(); last != "" && ended != nil {
		return wasReady, fmt.Errorf("engine: %s (%w)", strings.TrimPrefix(last, "sightline engine: "), ended)
	}
	if ended == nil {
		ended = errors.New("engine ended without being asked to")
	}
	return wasReady, ended
}

// childEnvironment leaves the parent's secrets behind: a child needs little, and what runs in it has no business with
// keys and tokens that happen to be in the parent's environment.
func childEnvironment(parent []string) []string {
	var kept []string
	for _, variable := range parent {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains([]string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}, name) ||
			strings.HasPrefix(name, "GO") || name == libraryEnvironment {
			kept = append(kept, variable)
		}
	}
	return kept
}

// watch waits until the child of the given process id answers, publishes how to reach it, and reports whether it did.
func (s *Supervisor) watch(ctx context.Context, pid int) bool {
	for {
		access, err := ReadAccess(s.child.Data)
		if err == nil && access.PID == pid && answers(ctx, access.Address) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.access = access
			// Clients keep the address they were given, so a restart has to come back on it.
			s.child.Listen = access.Address
			close(s.ready)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ping, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ping", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(ping)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// lastLines keeps the end of what a child wrote, for the reason of its death.
type lastLines struct {
	mu   sync.Mutex
	tail []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if excess := len(l.tail) - 8192; excess > 0 {
		l.tail = append(l.tail[:0], l.tail[excess:]...)
	}
	return len(p), nil
}

func (l *lastLines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(l.tail), []byte("\n"))
	return string(lines[len(lines)-1])
}

// WithParent returns a context that also ends when the parent process that supervises this one dies. Without a
// supervisor it returns the context as it is.
func WithParent(ctx context.Context) context.Context {
	if os.Getenv(parentEnvironment) == "" {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		// Nothing is ever written to the pipe: it ends with its other side.
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel(errors.New("the supervising process has gone"))
	}()
	return ctx
}
