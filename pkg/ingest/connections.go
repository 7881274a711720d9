package ingest

import (
	"container/list"
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
)

// Connections bounds the open connections of one server. When nearly all are taken, the one that has been idle longest
// is closed for each that comes: visitors who stay on a page must not keep others out.
type Connections struct {
	most   int
	opened prometheus.Gauge
	closed prometheus.Counter

	mu   sync.Mutex
	open int
	idle *list.List // of net.Conn, the longest idle first
	at   map[net.Conn]*list.Element
}

// NewConnections bounds them as patience says. The name tells servers of one registry apart.
func NewConnections(patience Patience, name string, registry prometheus.Registerer) *Connections {
	patience.setDefaults()
	labels := prometheus.Labels{"listener": name}
	c := &Connections{
		most: patience.Connections, idle: list.New(), at: map[net.Conn]*list.Element{},
		opened: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sightline_connections", Help: "Open connections.", ConstLabels: labels,
		}),
		closed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_connections_idle_closed_total", Help: "Idle connections closed to make room for new ones.",
			ConstLabels: labels,
		}),
	}
	registry.MustRegister(c.opened, c.closed)
	return c
}

// Bound returns the listener bounded: what is beyond the bound waits in the kernel's queue.
func (c *Connections) Bound(listener net.Listener) net.Listener {
	return netutil.LimitListener(listener, c.most)
}

// follow is the server's ConnState hook.
func (c *Connections) follow(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.at[conn]; ok {
		c.idle.Remove(element)
		delete(c.at, conn)
	}
	switch state {
	case http.StateNew:
		c.open++
		if oldest := c.idle.Front(); oldest != nil && c.open > c.most-c.most/10 {
			c.closed.Inc()
			// The server sees that it is closed and tells so in a call of its own.
			_ = oldest.Value.(net.Conn).Close()
			c.idle.Remove(oldest)
			delete(c.at, oldest.Value.(net.Conn))
		}
	case http.StateIdle:
		c.at[conn] = c.idle.PushBack(conn)
	case http.StateClosed, http.StateHijacked:
		c.open--
	}
	c.opened.Set(float64(c.open))
}
