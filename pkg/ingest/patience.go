package ingest

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"
)

// Patience is how long, and how many, clients may keep the sidecar waiting. Zero means the default.
type Patience struct {
	Connections int           // open at once; more wait. Default: what the process may open, at most 20,000
	Head        time.Duration // until a request's head is there. Default 5 s
	Grace       time.Duration // a body's first bytes may take this long. Default 10 s
	Pace        int64         // bytes a second that a body must come with after that, on average. Default 4 KiB
	Body        time.Duration // until a body is there, whatever its pace. Default 1 min
	Idle        time.Duration // between two requests of one connection. Default 2 min
}

func (p *Patience) setDefaults() {
	p.Connections = cmp.Or(p.Connections, defaultConnections())
	p.Head = cmp.Or(p.Head, 5*time.Second)
	p.Grace = cmp.Or(p.Grace, 10*time.Second)
	p.Pace = cmp.Or(p.Pace, 4<<10)
	p.Body = cmp.Or(p.Body, time.Minute)
	p.Idle = cmp.Or(p.Idle, 2*time.Minute)
}

// maxHeaderBytes is four times what browsers send along, cookies of a shared domain included.
const maxHeaderBytes = 32 << 10

// HTTPServer returns a server for the handler that no client can hold up: who sends nothing, or too slowly, is cut off.
// Its listener must be bounded by the same connections; see Connections.
func HTTPServer(handler http.Handler, patience Patience, connections *Connections, logger *slog.Logger) *http.Server {
	patience.setDefaults()
	return &http.Server{
		Handler:           patience.bodies(handler),
		ReadHeaderTimeout: patience.Head,
		WriteTimeout:      patience.Body + commitTimeout + 20*time.Second,
		IdleTimeout:       patience.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         connections.follow,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// errSlow is a body that came too slowly, or not at all.
var errSlow = errors.New("the body came too slowly")

// bodies gives every request a body that must make progress. A fixed time for the whole would either cut off phones on
// a bad line or let a client that sends a byte now and then stay for as long.
func (p Patience) bodies(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), patience: p, began: time.Now()}
		}
		handler.ServeHTTP(w, r)
	})
}

type pacedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	patience Patience
	began    time.Time
	read     int64
	failed   error
}

func (b *pacedBody) Read(into []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	earned := b.patience.Grace + time.Duration(float64(b.read)/float64(b.patience.Pace)*float64(time.Second))
	// Only a test's recorder cannot do this, and has nobody slow at its other end.
	_ = b.control.SetReadDeadline(b.began.Add(min(earned, b.patience.Body)))
	n, err := b.ReadCloser.Read(into)
	b.read += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSlow
	default:
		// The deadline must not hit while the beacon is being written to disk: the server would take the client for gone.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.failed = err
	return n, err
}
