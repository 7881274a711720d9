package e2e

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is what a wire does to what is sent over it.
type fault int

const (
	sound      fault = iota
	refuses          // new connections are closed at once, and those there are
	holds            // nothing is passed on, nothing is closed: packets that get lost
	cutAsked         // half of the next piece of a request arrives, then the connection breaks
	cutAnswers       // the request arrives, and its answer is lost with the connection
	halfAnswer       // half of the answer arrives, then no more: the connection is half closed
	late             // answers come only after the wire's delay
	wireFaults       // how many there are
)

// wire is a network between a sidecar and its store. It listens at an address of its own and passes bytes on, or not.
type wire struct {
	listener net.Listener
	target   string
	delay    time.Duration

	mu      sync.Mutex
	state   fault
	changed chan struct{} // closed at the next change
	open    map[net.Conn]bool
	hit     [wireFaults]int // how often each fault did something
}

func newWire(t *testing.T, target string) *wire {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: listener, target: target, changed: make(chan struct{}), open: map[net.Conn]bool{}}
	go w.accept()
	t.Cleanup(func() {
		listener.Close()
		w.set(refuses)
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

// set changes what the wire does, also to the connections there are.
func (w *wire) set(state fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = state
	close(w.changed)
	w.changed = make(chan struct{})
	if state == refuses {
		w.hit[refuses] += len(w.open)
		for conn := range w.open {
			conn.Close()
		}
	}
}

func (w *wire) now() (fault, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state, w.changed
}

func (w *wire) did(what fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hit[what]++
}

func (w *wire) hits() [wireFaults]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hit
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		if state, _ := w.now(); state == refuses {
			w.did(refuses)
			client.Close()
			continue
		}
		go w.join(client)
	}
}

// join passes bytes on in both directions until one side ends.
func (w *wire) join(client net.Conn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		client.Close()
		return
	}
	w.mu.Lock()
	w.open[client], w.open[server] = true, true
	w.mu.Unlock()
	asked := make(chan struct{}, 1) // a request went through since the last answer
	var both sync.WaitGroup
	both.Go(func() { w.pass(client, server, asked, false) })
	both.Go(func() { w.pass(server, client, asked, true) })
	both.Wait()
	w.mu.Lock()
	delete(w.open, client)
	delete(w.open, server)
	w.mu.Unlock()
}

// pass copies one direction, one piece at a time, and does to each what the wire does.
func (w *wire) pass(from, to net.Conn, asked chan struct{}, answers bool) {
	defer from.Close()
	defer to.Close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && w.spoil(piece[:n], to, asked, answers) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

var errBroken = errors.New("the wire broke")

func (w *wire) spoil(piece []byte, to net.Conn, asked chan struct{}, answers bool) error {
	state, changed := w.now()
	switch {
	case state == holds:
		w.did(holds)
		<-changed
	case state == cutAsked && !answers:
		w.did(cutAsked)
		_, _ = to.Write(piece[:len(piece)/2])
		return errBroken
	case state == cutAnswers && answers:
		w.did(cutAnswers)
		return errBroken
	case state == halfAnswer && answers:
		w.did(halfAnswer)
		_, _ = to.Write(piece[:len(piece)/2])
		_ = to.(*net.TCPConn).CloseWrite()
		<-changed
		return errBroken
	case state == late && answers:
		select {
		case <-asked: // an answer's further pieces come at once
			w.did(late)
			select {
			case <-time.After(w.delay):
			case <-changed:
			}
		default:
		}
	}
	if !answers {
		select {
		case asked <- struct{}{}:
		default:
		}
	}
	_, err := to.Write(piece)
	return err
}

func TestAWireDoesWhatItIsTold(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	w := newWire(t, echo.Addr().String())
	say := func() (heard string, err error) {
		conn, err := net.Dial("tcp", w.address())
		require.NoError(t, err)
		defer conn.Close()
		_, _ = conn.Write([]byte("hello!"))
		answer := make([]byte, 6)
		n, err := io.ReadFull(conn, answer)
		return string(answer[:n]), err
	}
	for state, want := range map[fault]string{sound: "hello!", refuses: "", cutAnswers: "", halfAnswer: "hel", late: "hello!"} {
		w.set(state)
		heard, err := say()
		require.Equal(t, want, heard, "fault %d", state)
		require.Equal(t, want != "hello!", err != nil, "fault %d", state)
	}
	w.set(holds)
	time.AfterFunc(50*time.Millisecond, func() { w.set(sound) })
	heard, err := say()
	require.NoError(t, err)
	require.Equal(t, "hello!", heard)
	for _, state := range []fault{refuses, cutAnswers, halfAnswer, late, holds} {
		require.Positive(t, w.hits()[state], "fault %d", state)
	}
}
