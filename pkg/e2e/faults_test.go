package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// booksFile is where `go tool mage faults` wants the counts. With it, each fault lasts as long as docs/reliability.md
// says; without, a few seconds.
var booksFile = os.Getenv("FAULTS_BOOKS")

// long chooses between a test of every run and the one that is written down.
func long[T any](everyRun, writtenDown T) T {
	if booksFile != "" {
		return writtenDown
	}
	return everyRun
}

// keep writes down what a test counted, and logs it.
func keep(t *testing.T, c faults.Case, began time.Time) {
	t.Helper()
	c.Seconds = int(time.Since(began).Seconds())
	t.Logf("%s (%s): %d sent, %d acknowledged, %d stored, %d lost, %d doubled; %s", c.Fault, c.How, c.Sent, c.Acknowledged,
		c.Stored, c.Lost, c.Doubled, c.Figures)
	if booksFile != "" {
		require.NoError(t, faults.Append(booksFile, c))
	}
}

// account holds what a load was acknowledged against what is stored, keeps the counts, and fails when anything is lost
// or doubled. The store is the sidecar that owns the engine, which may be another one.
func account(t *testing.T, store *sidecar, l *load, c faults.Case) {
	t.Helper()
	accountLoad(t, store, l, c)
	items := sameTimeline(t, store)
	require.Equal(t, items, store.number("SELECT sum(rows) FROM hour_inserts WHERE app = 'shop'"),
		"the hour counts differ from the raw tables")
}

// sameTimeline holds the timeline and the session list against the raw tables.
func sameTimeline(t *testing.T, store *sidecar) (items uint64) {
	t.Helper()
	items = store.number("SELECT count() FROM vitals") + store.number("SELECT count() FROM events WHERE app = 'shop'")
	require.Equal(t, items, store.number("SELECT count() FROM session_events WHERE app = 'shop'"),
		"the timeline differs from the raw tables")
	require.Equal(t, items, store.number("SELECT sum(items) FROM sessions WHERE app = 'shop'"),
		"the session list differs from the raw tables")
	return items
}

// accountLoad is account for a store that others store into, too.
func accountLoad(t *testing.T, store *sidecar, l *load, c faults.Case) {
	t.Helper()
	rows := stored(t, store)
	c.Sent, c.Acknowledged, c.Stored = int(l.sent.Load()), len(l.acknowledged), len(rows)
	for _, id := range l.acknowledged {
		if rows[id] == 0 {
			c.Lost++
		}
	}
	for _, count := range rows {
		if count > 1 {
			c.Doubled++
		}
	}
	keep(t, c, l.began)
	require.NotEmpty(t, l.acknowledged)
	require.Zero(t, c.Lost, "acknowledged beacons are missing")
	require.Zero(t, c.Doubled, "beacons are stored twice")
}

// load posts beacons from several clients at once and remembers which were acknowledged.
type load struct {
	began time.Time
	sent  atomic.Int64
	busy  atomic.Int64 // answered with 503

	done         chan struct{}
	ending       sync.Once
	clients      sync.WaitGroup
	mu           sync.Mutex
	acknowledged []string
	sampled      int    // answered with 202 and that another visit stands for it
	refusal      string // the text of the last 503
	slowest      time.Duration
}

// loads tells the ids of several loads apart.
var loads atomic.Int32

// startLoad sends as fast as beacons are acknowledged.
func startLoad(s *sidecar, clients int) *load { return startPacedLoad(s, clients, 0) }

// startPacedLoad has each client pause after each beacon.
func startPacedLoad(s *sidecar, clients int, pause time.Duration) *load {
	l := &load{began: time.Now(), done: make(chan struct{})}
	number := loads.Add(1)
	for client := range clients {
		l.clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.done:
					return
				case <-time.After(pause):
				}
				id := fmt.Sprintf("v5-%d-%d-%d-%d-%d", time.Now().UnixMilli(), os.Getpid(), number, client, n)
				asked := time.Now()
				status, text := send(s, id)
				l.sent.Add(1)
				l.mu.Lock()
				switch {
				case status == http.StatusAccepted && strings.Contains(text, `"sampled"`):
					l.sampled++ // under pressure; another visit that is kept stands for it
				case status == http.StatusAccepted:
					l.acknowledged = append(l.acknowledged, id)
					l.slowest = max(l.slowest, time.Since(asked))
				case status == http.StatusServiceUnavailable:
					l.busy.Add(1)
					l.refusal = text
				}
				l.mu.Unlock()
				if status != http.StatusAccepted {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	return l
}

// stop ends the load, if it has not ended, and returns what was acknowledged.
func (l *load) stop() []string {
	l.ending.Do(func() { close(l.done) })
	l.clients.Wait()
	return l.acknowledged
}

// said is the text of the last refusal.
func (l *load) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusal
}

// more waits until so many more beacons are acknowledged.
func more(t *testing.T, l *load, beacons int) {
	t.Helper()
	already := l.count()
	require.Eventually(t, func() bool { return l.count() >= already+beacons }, 2*time.Minute, 10*time.Millisecond,
		"beacons are no longer taken")
}

// count is how many beacons were acknowledged so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// post sends one beacon with one vital and one session event, and reports whether it was acknowledged.
func post(s *sidecar, id string) bool {
	status, _ := send(s, id)
	return status == http.StatusAccepted
}

// firefox is a browser: Go's own client would be counted as a bot, which no answer is about.
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"

// send is post with the answer's status and text; the status is 0 where there was none.
func send(s *sidecar, id string) (status int, text string) {
	body := fmt.Sprintf(`{
		"meta": {"app": {"name": "shop", "environment": "production"}, "session": {"id": "s-%[1]s"},
			"page": {"url": "https://shop.example/product/42?utm=x"}},
		"measurements": [{"type": "web-vitals", "timestamp": %[2]q, "values": {"lcp": 1234, "delta": 1234},
			"context": {"id": %[1]q, "rating": "good"}}],
		"events": [{"name": "session_start", "domain": "browser", "timestamp": %[2]q}]
	}`, id, time.Now().UTC().Format(time.RFC3339Nano))
	request, err := http.NewRequest(http.MethodPost, s.url("/collect"), strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", firefox)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(said)
}
