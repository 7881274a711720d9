package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Sender sends beacons to a sidecar and keeps the books: a beacon counts as acknowledged only when it was answered
// with 202, the one status the SDK takes for accepted.
type Sender struct {
	URL     string // the sidecar's /collect
	Workers int    // parallel connections; 0 means 8

	// Record, when set, gets one line of JSON for each beacon: what was in it and whether it was acknowledged.
	Record io.Writer
}

// Summary is what became of the beacons.
type Summary struct {
	Sent         int
	Items        int // in acknowledged beacons
	Acknowledged int
	Rejected     int // answered, but not with 202, also after retries
	Errors       int // not answered: refused connections, timeouts
	Retries      int
	Took         time.Duration
	LastReason   string // of the last beacon that was not acknowledged

	latencies map[int16]int
}

// Rate is acknowledged beacons a second.
func (s Summary) Rate() float64 {
	if s.Took <= 0 {
		return 0
	}
	return float64(s.Acknowledged) / s.Took.Seconds()
}

// Latency is a percentile of the time to an answer, with an error below 2 %; p is between 0 and 1.
func (s Summary) Latency(p float64) time.Duration {
	total := 0
	for _, n := range s.latencies {
		total += n
	}
	if total == 0 {
		return 0
	}
	left := int(p * float64(total-1))
	for bucket := int16(0); ; bucket++ {
		if left -= s.latencies[bucket]; left < 0 {
			_, high := rum.BucketBounds(latencyMetric, bucket)
			return time.Duration(high * float64(time.Millisecond))
		}
	}
}

// latencyMetric is no Web Vital, so that the histogram has the fixed grid of custom timings.
const latencyMetric = "acknowledgement"

const (
	maxTries = 6
	maxWait  = 15 * time.Second
)

// Send sends beacons until there are no more or the context ends; live beacons wait for their own time, others go out
// as fast as they are acknowledged. The beacons of one visit stay in order. progress may be nil; it is called several
// times a second.
func (s *Sender) Send(ctx context.Context, beacons iter.Seq[Beacon], live bool, progress func(Summary,
	time.Time)) (Summary, error) {
	workers := s.Workers
	if workers <= 0 {
		workers = 8
	}
	books := &books{start: time.Now(), record: s.Record}
	books.summary.latencies = map[int16]int{}
	client := &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers},
	}
	defer client.CloseIdleConnections()

	var running sync.WaitGroup
	queues := make([]chan Beacon, workers)
	for i := range queues {
		queues[i] = make(chan Beacon, 16)
		running.Go(func() {
			for b := range queues[i] {
				if ctx.Err() == nil {
					s.deliver(ctx, client, b, books)
				}
			}
		})
	}

	var lastShown time.Time
	for b := range beacons {
		if live {
			pause(ctx, time.Until(b.At))
		}
		if ctx.Err() != nil {
			break
		}
		queues[queueOf(b.Truth.SessionID, workers)] <- b
		if progress != nil && time.Since(lastShown) > 150*time.Millisecond {
			lastShown = time.Now()
			progress(books.now(), b.At)
		}
	}
	for _, queue := range queues {
		close(queue)
	}
	running.Wait()
	return books.now(), books.failed()
}

func queueOf(session string, workers int) int {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, session)
	return int(hash.Sum32() % uint32(workers))
}

// deliver tries until there is a final answer. It waits as long as the sidecar asks, and tries again where no
// connection came about; a connection that broke off is not tried again, because the beacon may have arrived.
func (s *Sender) deliver(ctx context.Context, client *http.Client, b Beacon, books *books) {
	for try := 1; ; try++ {
		status, wait, took, err := s.post(ctx, client, b)
		switch {
		case err == nil && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) &&
			try < maxTries:
		case unreachable(err) && try < maxTries:
			wait = time.Duration(try) * 200 * time.Millisecond
		default:
			if ctx.Err() == nil || err == nil {
				books.enter(b, status, took, err)
			}
			return
		}
		books.retry()
		if pause(ctx, wait); ctx.Err() != nil {
			return
		}
	}
}

func unreachable(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

func (s *Sender) post(ctx context.Context, client *http.Client, b Beacon) (status int, wait, took time.Duration,
	err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(b.Body))
	if err != nil {
		return 0, 0, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range b.Header {
		request.Header.Set(name, value)
	}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, 0, err
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	took = time.Since(start)
	wait = time.Second
	if seconds, err := strconv.ParseFloat(response.Header.Get("Retry-After"), 64); err == nil && seconds >= 0 {
		wait = min(time.Duration(seconds*float64(time.Second)), maxWait)
	}
	if response.StatusCode >= 400 && response.StatusCode != http.StatusTooManyRequests &&
		response.StatusCode != http.StatusServiceUnavailable {
		return response.StatusCode, wait, took, fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer))
	}
	return response.StatusCode, wait, took, nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// books count what became of each beacon.
type books struct {
	mu      sync.Mutex
	start   time.Time
	summary Summary
	record  io.Writer
	err     error
}

// Recorded is one line of a recording.
type Recorded struct {
	At           int64 `json:"at"` // when the browser sent it, Unix milliseconds
	Status       int   `json:"status"`
	Acknowledged bool  `json:"acknowledged"`
	Truth        Truth `json:"truth"`
}

func (b *books) enter(beacon Beacon, status int, took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.summary.Sent++
	switch {
	case status == http.StatusAccepted:
		b.summary.Acknowledged++
		b.summary.Items += beacon.Truth.Len()
	case status != 0:
		b.summary.Rejected++
		b.summary.LastReason = fmt.Sprintf("the sidecar answered %d %s", status, http.StatusText(status))
		if err != nil {
			b.summary.LastReason = "the sidecar answered " + err.Error()
		}
	default:
		b.summary.Errors++
		b.summary.LastReason = err.Error()
	}
	if status != 0 {
		b.summary.latencies[rum.Bucket(latencyMetric, float64(took)/float64(time.Millisecond))]++
	}
	if b.record != nil && b.err == nil {
		line, err := json.Marshal(Recorded{
			At: ms(beacon.At), Status: status, Acknowledged: status == http.StatusAccepted, Truth: beacon.Truth,
		})
		if err == nil {
			_, err = b.record.Write(append(line, '\n'))
		}
		if err != nil {
			b.err = fmt.Errorf("write the recording: %w", err)
		}
	}
}

func (b *books) retry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.summary.Retries++
}

func (b *books) now() Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.summary
	s.latencies = make(map[int16]int, len(b.summary.latencies))
	for bucket, n := range b.summary.latencies {
		s.latencies[bucket] = n
	}
	s.Took = time.Since(b.start)
	return s
}

func (b *books) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
