package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// held is what a process has open: goroutines, where it is Go's own, and descriptors.
type held struct{ goroutines, descriptors float64 }

func (h held) String() string {
	if h.goroutines == 0 {
		return fmt.Sprintf("%.0f descriptors", h.descriptors)
	}
	return fmt.Sprintf("%.0f goroutines and %.0f descriptors", h.goroutines, h.descriptors)
}

// least watches for a while, as connections that are idle and files that are merged go away by themselves, and returns
// the smallest of what was held. It ends as soon as that is no more than wanted.
func least(t *testing.T, wanted held, look func() held) held {
	t.Helper()
	lowest := look()
	for ends := time.Now().Add(time.Minute); time.Now().Before(ends); time.Sleep(250 * time.Millisecond) {
		if lowest.goroutines <= wanted.goroutines && lowest.descriptors <= wanted.descriptors {
			break
		}
		now := look()
		lowest = held{min(lowest.goroutines, now.goroutines), min(lowest.descriptors, now.descriptors)}
	}
	return lowest
}

// slack is for what comes and goes by itself: a timer, a file that is just being written.
const slack = 6

// What a load opened is closed again when it is over: connections, half requests, questions that were given up.
func TestFaultNothingStaysOpenAfterALoad(t *testing.T) {
	s := startSidecar(t)
	host, err := pluginhost.Start(t.Context(), pluginBinary, pluginhost.Options{})
	require.NoError(t, err)
	defer host.Stop()
	sidecarHolds := func() held {
		return held{s.metric("go_goroutines"), s.metric("process_open_fds")}
	}
	pluginHolds := func() held {
		text, err := host.CollectMetrics(t.Context())
		require.NoError(t, err)
		var h held
		for line := range strings.Lines(string(text)) {
			_, _ = fmt.Sscanf(line, "go_goroutines %g", &h.goroutines)
			_, _ = fmt.Sscanf(line, "process_open_fds %g", &h.descriptors)
		}
		require.Positive(t, h.goroutines)
		return h
	}
	engineHolds := func() held {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", engineOf(s)))
		require.NoError(t, err)
		return held{descriptors: float64(len(open))}
	}
	all := []struct {
		name string
		look func() held
	}{{"sidecar", sidecarHolds}, {"plugin", pluginHolds}, {"engine", engineHolds}}

	question := s.request(t, `{"queryType":"vitals","metric":"lcp","format":"table","groupBy":["route"]}`)
	ask := func(ctx context.Context) { _, _ = host.QueryData(ctx, question) }
	burst := func() int {
		load := startLoad(s, 32)
		var others sync.WaitGroup
		for n := range 100 {
			others.Go(func() {
				conn, err := net.Dial("tcp", s.listen)
				if err != nil {
					return
				}
				defer conn.Close()
				switch n % 3 {
				case 0: // gone in the middle of its body
					_ = dawdle(conn, 1)
				case 1: // gone before its answer
					_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
				}
			})
		}
		for n := range 60 {
			others.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+n*3)*time.Millisecond) // most are given up
				defer cancel()
				ask(ctx)
			})
		}
		others.Wait()
		more(t, load, long(500, 2_000))
		load.stop()
		s.waitDrained()
		return int(load.sent.Load())
	}
	began := time.Now()
	sent := burst() // pools and caches are filled
	ask(t.Context())
	settled := map[string]held{}
	for _, of := range all {
		settled[of.name] = least(t, held{}, of.look)
	}
	for range long(1, 3) {
		sent += burst()
	}
	var figures []string
	for _, of := range all {
		before := settled[of.name]
		after := least(t, held{before.goroutines + slack, before.descriptors + slack}, of.look)
		figures = append(figures, fmt.Sprintf("%s %s, then %s", of.name, before, after))
		if of.name == "engine" {
			continue // parts that were merged stay open for minutes; the soak looks at it over hours
		}
		require.LessOrEqual(t, after.goroutines, before.goroutines+slack, "goroutines of the %s", of.name)
		require.LessOrEqual(t, after.descriptors, before.descriptors+slack, "descriptors of the %s", of.name)
	}
	keep(t, faults.Case{Order: 15, Fault: "leaks after a load",
		How: fmt.Sprintf("%d beacons of 32 clients, connections broken off in the middle, questions given up, in %d bursts; what "+
			"is open after the first, and a minute at most after the last", sent, long(1, 3)+1),
		Figures: strings.Join(figures, "; ")}, began)
}
