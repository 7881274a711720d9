package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// Kills are what the test does to a sidecar under load: ten power cuts each of the sidecar and of its engine.
const kills = 10

func TestNothingAcknowledgedIsLostOrDoubledByKills(t *testing.T) {
	s := startSidecar(t)
	load := startLoad(s, 8)

	random := rand.New(rand.NewPCG(1, 2))
	for range kills {
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond)
		if access, err := engine.ReadAccess(s.data); err == nil {
			_ = syscall.Kill(access.PID, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond)
		s.kill()
		s.start()
	}
	acknowledged := load.stop()
	s.waitReady()
	s.waitDrained()

	stored := stored(t, s)
	lost, doubled := 0, 0
	for _, id := range acknowledged {
		if stored[id] == 0 {
			lost++
		}
	}
	for _, count := range stored {
		if count > 1 {
			doubled++
		}
	}
	t.Logf("%d kills each of sidecar and engine: %d beacons acknowledged, %d stored, %d lost, %d doubled",
		kills, len(acknowledged), len(stored), lost, doubled)
	require.NotEmpty(t, acknowledged)
	require.Zero(t, lost, "acknowledged beacons are missing")
	require.Zero(t, doubled, "beacons are stored twice")

	items := s.number("SELECT count() FROM vitals") + s.number("SELECT count() FROM events")
	require.Equal(t, items, s.number("SELECT count() FROM session_events"), "the timeline differs from the raw tables")
	require.Equal(t, items, s.number("SELECT sum(items) FROM sessions"), "the session list differs from the raw tables")
	require.Equal(t, items, s.number("SELECT sum(rows) FROM hour_inserts"), "the hour counts differ from the raw tables")
}

// load posts beacons from several clients at once and remembers which were acknowledged.
type load struct {
	done         chan struct{}
	clients      sync.WaitGroup
	mu           sync.Mutex
	acknowledged []string
}

// loads tells the ids of several loads apart.
var loads atomic.Int32

func startLoad(s *sidecar, clients int) *load {
	l := &load{done: make(chan struct{})}
	number := loads.Add(1)
	for client := range clients {
		l.clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.done:
					return
				default:
				}
				id := fmt.Sprintf("v5-%d-%d-%d-%d-%d", time.Now().UnixMilli(), os.Getpid(), number, client, n)
				if post(s, id) {
					l.mu.Lock()
					l.acknowledged = append(l.acknowledged, id)
					l.mu.Unlock()
				} else {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	return l
}

func (l *load) stop() []string {
	close(l.done)
	l.clients.Wait()
	return l.acknowledged
}

// post sends one beacon with one vital and one session event, and reports whether it was acknowledged.
func post(s *sidecar, id string) bool {
	body := fmt.Sprintf(`{
		"meta": {"app": {"name": "shop", "environment": "production"}, "session": {"id": "s-%[1]s"},
			"page": {"url": "https://shop.example/product/42?utm=x"}},
		"measurements": [{"type": "web-vitals", "timestamp": %[2]q, "values": {"lcp": 1234, "delta": 1234},
			"context": {"id": %[1]q, "rating": "good"}}],
		"events": [{"name": "session_start", "domain": "browser", "timestamp": %[2]q}]
	}`, id, time.Now().UTC().Format(time.RFC3339Nano))
	answer, err := http.Post(s.url("/collect"), "application/json", bytes.NewBufferString(body))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusAccepted
}
