package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/sightline-rum/sightline/pkg/ingest"
)

// listeners are the addresses a sidecar answers at: one for beacons, and one of its own for operators where
// --admin-listen names it.
type listeners struct {
	beacons, admin net.Listener // admin is nil without --admin-listen
	servers        []*http.Server
	failed         chan error
}

func (s *sidecar) listen() (*listeners, error) {
	beacons, err := net.Listen("tcp", s.flags.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another address with --listen", err)
	}
	l := &listeners{beacons: beacons, failed: make(chan error, 2)}
	if s.flags.AdminListen == "" {
		return l, nil
	}
	if l.admin, err = net.Listen("tcp", s.flags.AdminListen); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; choose another address with --admin-listen", err), beacons.Close())
	}
	return l, nil
}

// serve answers at all addresses until shutdown.
func (l *listeners) serve(s *sidecar, answers *ingest.Server) {
	patience := ingest.Patience{Connections: s.config.Limits.Connections}
	serve := func(name string, listener net.Listener, handler http.Handler) {
		connections := ingest.NewConnections(patience, name, s.registry)
		server := ingest.HTTPServer(handler, patience, connections, s.logger)
		l.servers = append(l.servers, server)
		go func() { l.failed <- server.Serve(connections.Bound(listener)) }()
	}
	if l.admin == nil {
		serve("beacons", l.beacons, answers.Handler())
		return
	}
	serve("beacons", l.beacons, answers.PublicHandler())
	serve("admin", l.admin, answers.AdminHandler())
}

// shutdown lets requests in flight end, for as long as the context does.
func (l *listeners) shutdown(ctx context.Context) error {
	var failed []error
	for _, server := range l.servers {
		failed = append(failed, server.Shutdown(ctx))
	}
	return errors.Join(failed...)
}

// close frees the addresses when nothing was served yet.
func (l *listeners) close() {
	_ = l.beacons.Close()
	if l.admin != nil {
		_ = l.admin.Close()
	}
}

// operators is the address at which operators ask.
func (l *listeners) operators() net.Addr {
	if l.admin != nil {
		return l.admin.Addr()
	}
	return l.beacons.Addr()
}
