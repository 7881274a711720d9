package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// connections are open at once, as many as a busy site's proxy has to its sidecar.
const connections = 64

// sent is what became of beacons that were all accepted.
type sent struct {
	took      time.Duration
	latencies []float64 // ms, of each beacon
}

func (s sent) percentile(p float64) float64 { return bench.Percentile(s.latencies, p) }

// post sends bodies over so many connections, as fast as they are answered. An answer that is not 2xx ends it: figures
// of beacons that were refused mean nothing.
func post(ctx context.Context, url, media string, all [][]byte) (sent, error) {
	return paced(ctx, url, media, all, 0)
}

// paced is post with the beacons so far apart, answered or not. A beacon that has to wait for others' answers has been on
// its way since its time came.
func paced(ctx context.Context, url, media string, all [][]byte, apart time.Duration) (sent, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	s := sent{latencies: make([]float64, len(all))}
	began := time.Now()
	var next atomic.Int64
	var running sync.WaitGroup
	for range connections {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				start := time.Now()
				if apart > 0 {
					start = began.Add(time.Duration(i) * apart)
					time.Sleep(time.Until(start))
				}
				if err := postOne(ctx, client, url, media, all[i]); err != nil {
					cancel(err)
					return
				}
				s.latencies[i] = float64(time.Since(start).Microseconds()) / 1000
			}
		})
	}
	running.Wait()
	s.took = time.Since(began)
	return s, context.Cause(ctx)
}

func postOne(ctx context.Context, client *http.Client, url, media string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", media)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %s", url, response.Status, bytes.TrimSpace(answer))
	}
	return nil
}
