package ingest

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// listening is the HTTP side behind a listener as `sightline serve` opens it.
type listening struct {
	*sidecar
	address     string
	connections *Connections
}

func listen(t *testing.T, patience Patience) *listening {
	s := start(t, "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	connections := NewConnections(patience, "test", prometheus.NewRegistry())
	server := HTTPServer(s.server.Handler(), patience, connections, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(connections.Bound(listener)) }()
	t.Cleanup(func() { _ = server.Close() })
	return &listening{sidecar: s, address: listener.Addr().String(), connections: connections}
}

// dial opens a connection whose reads fail rather than wait for ever.
func (l *listening) dial() (net.Conn, *bufio.Reader) {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.address)
	require.NoError(l.t, err)
	require.NoError(l.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	l.t.Cleanup(func() { _ = conn.Close() })
	return conn, bufio.NewReader(conn)
}

func post(conn io.Writer, body string, length int) error {
	_, err := fmt.Fprintf(conn, "POST /collect HTTP/1.1\r\nHost: rum.example\r\nOrigin: https://shop.example\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body)
	return err
}

func TestAClientThatNeverSendsItsHeadIsCutOff(t *testing.T) {
	l := listen(t, Patience{Head: 50 * time.Millisecond})
	for _, head := range []string{"", "POST /collect HTTP/1.1\r\nHost: rum.example\r\nX-Slow: "} {
		conn, reader := l.dial()
		_, err := io.WriteString(conn, head)
		require.NoError(t, err)
		_, err = reader.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

func TestABodyThatStopsIsAnsweredAndCutOff(t *testing.T) {
	l := listen(t, Patience{Grace: 50 * time.Millisecond})
	conn, reader := l.dial()
	require.NoError(t, post(conn, small[:20], len(small)))
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"), "the page can read why")
	_, _ = io.Copy(io.Discard, answer.Body)
	_, err = reader.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, l.spool.Depth())
}

// The body takes far longer than the grace, but each byte earns it more time.
func TestASlowBodyThatKeepsItsPaceIsTaken(t *testing.T) {
	l := listen(t, Patience{Grace: 2 * time.Second, Pace: 1})
	conn, reader := l.dial()
	require.NoError(t, post(conn, "", len(small)))
	for i := range len(small) {
		time.Sleep(50 * time.Millisecond)
		_, err := io.WriteString(conn, small[i:i+1])
		require.NoError(t, err)
	}
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	require.EqualValues(t, 1, l.spool.Depth())
}

func TestABodyThatTakesForEverIsCutOffWhateverItsPace(t *testing.T) {
	l := listen(t, Patience{Pace: 1, Body: 300 * time.Millisecond})
	conn, reader := l.dial()
	body := strings.Repeat(" ", 1<<20)
	require.NoError(t, post(conn, "", len(body)))
	go func() {
		for i := range body {
			if _, err := conn.Write([]byte{body[i]}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, answer.StatusCode)
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	l := listen(t, Patience{Idle: 50 * time.Millisecond})
	conn, reader := l.dial()
	require.NoError(t, post(conn, small, len(small)))
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	_, _ = io.Copy(io.Discard, answer.Body)
	_, err = reader.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

func TestAnEndlessHeadIsRefused(t *testing.T) {
	l := listen(t, Patience{})
	conn, reader := l.dial()
	_, err := fmt.Fprintf(conn, "POST /collect HTTP/1.1\r\nHost: rum.example\r\nCookie: %s\r\n\r\n", strings.Repeat("c",
		2*maxHeaderBytes))
	require.NoError(t, err)
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
}

func TestIdleConnectionsMakeRoomForNewOnes(t *testing.T) {
	const most = 10
	l := listen(t, Patience{Connections: most})
	for range 5 * most {
		conn, reader := l.dial()
		require.NoError(t, post(conn, small, len(small)))
		answer, err := http.ReadResponse(reader, nil)
		require.NoError(t, err, "a visitor was kept out by those who are idle")
		require.Equal(t, http.StatusAccepted, answer.StatusCode)
		_, _ = io.Copy(io.Discard, answer.Body)
	}
	var opened, closed dto.Metric
	require.NoError(t, l.connections.opened.Write(&opened))
	require.NoError(t, l.connections.closed.Write(&closed))
	require.LessOrEqual(t, opened.GetGauge().GetValue(), float64(most))
	require.GreaterOrEqual(t, closed.GetCounter().GetValue(), float64(4*most-1))
}
