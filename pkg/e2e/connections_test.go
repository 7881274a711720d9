package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// crowd is how many visitors stay connected at once, and how many of them send slowly. Where this process may not open
// as many files, there are fewer.
const crowd, slow = 10_000, 500

func TestFaultTenThousandConnectionsAndSlowSendersKeepNobodyOut(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	visitors := min(crowd, int(min(limit.Max, 1<<20))-1000)
	require.Greater(t, visitors, 500, "this process may open no more than %d files: ulimit -n 20000", limit.Max)
	s := startSidecar(t)
	idle := s.memory()

	open := make([]net.Conn, visitors)
	defer func() {
		for _, conn := range open {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	var refused, next atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for range 64 {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < visitors; n = int(next.Add(1)) - 1 {
				conn, err := net.Dial("tcp", s.listen)
				if err == nil {
					open[n] = conn
					if n < slow {
						err = dawdle(conn, n)
					} else {
						err = beaconOver(conn, n)
					}
				}
				if err != nil {
					refused.Add(1)
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	require.Zero(t, refused.Load(), "visitors were kept out")
	held := s.metric(`sightline_connections{listener="beacons"}`)
	grown := s.memory() - idle
	require.True(t, post(s, fmt.Sprintf("v5-%d-late", time.Now().UnixMilli())), "one more visitor is served at once")

	// Everybody who has not gone sends once more over the connection that was open all the time.
	for n := slow; n < visitors; n += 97 {
		require.NoError(t, beaconOver(open[n], visitors+n), "an open connection no longer works")
	}
	// Who sends nothing more is cut off, and has an answer where a body was begun.
	for n := range slow {
		require.NoError(t, open[n].SetReadDeadline(time.Now().Add(time.Minute)))
		answer, err := http.ReadResponse(bufio.NewReader(open[n]), nil)
		if n%2 == 0 {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a head that never ends")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestTimeout, answer.StatusCode)
	}
	s.waitDrained()
	again := (visitors - slow + 96) / 97
	require.EqualValues(t, visitors-slow+again, s.number("SELECT count() FROM events WHERE name = 'crowd'"),
		"each is stored once")
	require.Less(t, s.memory()-idle, 600*mebibyte)
	keep(t, faults.Case{Order: 10, Fault: "10,000 connections and slow senders",
		How:  fmt.Sprintf("%d connections, %d of which send a few bytes and stop; %.0f open once all were opened", visitors, slow, held),
		Sent: visitors - slow + again, Acknowledged: visitors - slow + again, Stored: visitors - slow + again,
		Figures: fmt.Sprintf("opened, with a beacon each, in %s; one more visitor is served; memory of the sidecar grew by %d MiB, "+
			"%d kB a connection", took.Round(time.Millisecond), grown>>20, grown/visitors>>10)}, began)
}

// dawdle begins a request and leaves it at that: half of them in the middle of the head, half in that of the body.
func dawdle(conn net.Conn, n int) error {
	text := "POST /collect HTTP/1.1\r\nHost: rum.example\r\nX-Slow: "
	if n%2 == 1 {
		text = "POST /collect HTTP/1.1\r\nHost: rum.example\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"meta\":"
	}
	_, err := io.WriteString(conn, text)
	return err
}

// beaconOver sends one beacon over a connection, which stays open.
func beaconOver(conn net.Conn, n int) error {
	body := fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":"crowd-%d"}},"events":[{"name":"crowd"}]}`, n)
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn,
		"POST /collect HTTP/1.1\r\nHost: rum.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}
