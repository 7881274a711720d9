// Package engine is the embedded ClickHouse: libchdb in a process of its own, behind the ClickHouse HTTP interface.
// The sidecar and the plugin talk to it through the same client and the same SQL as to a server, so there is one
// dialect and one code path. Run is the engine process; Supervise keeps one alive as a child.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Config is what an engine process needs to know. Only Data is required.
type Config struct {
	Data   string // data folder; everything is kept in its folder "engine"
	Listen string // host:port of the HTTP interface, default 127.0.0.1:8123; port 0 takes a free one
	// AllowRemote permits Listen to be reachable from other machines. The interface is made for local clients: it has
	// passwords but neither TLS nor protection against floods.
	AllowRemote  bool
	MemoryBytes  int64 // limit for all queries, merges and caches together, default half the machine's, at most 8 GiB
	CacheBytes   int64 // each of the mark and index caches, default 128 MiB
	ReserveBytes int64 // free disk space below which inserts are refused, default 512 MiB
	MaxBodyBytes int64 // largest request body as sent, default 512 MiB
	// Distributed lets the writer create Distributed tables, for tests of a cluster's layout. Where they lead is in
	// remote_servers of the engine's configuration, which has none by itself.
	Distributed bool
	Logger      *slog.Logger
}

// shutdownGrace is how long running statements may take to finish when the engine is stopped.
const shutdownGrace = 3 * time.Second

// DefaultListen is where the engine listens unless told otherwise.
const DefaultListen = "127.0.0.1:8123"

func (c Config) withDefaults() (Config, error) {
	if c.Data == "" {
		return c, errors.New("start engine: no data folder given")
	}
	absolute, err := filepath.Abs(c.Data)
	if err != nil {
		return c, fmt.Errorf("start engine: %w", err)
	}
	c.Data = absolute
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.MemoryBytes <= 0 {
		c.MemoryBytes = min(machineMemory()/2, 8<<30)
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 128 << 20
	}
	if c.ReserveBytes <= 0 {
		c.ReserveBytes = 512 << 20
	}
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = 512 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// Run runs an engine on a data folder until the context ends, then closes the store cleanly. A second engine on the
// same folder, or a missing library, is an error that says what to do. It may be called once in a process: the
// library cannot be started twice.
func Run(ctx context.Context, config Config) error {
	config, err := config.withDefaults()
	if err != nil {
		return err
	}
	if err := checkListen(config.Listen, config.AllowRemote); err != nil {
		return err
	}
	path, err := FindLibrary()
	if err != nil {
		return err
	}
	secrets, confined, err := receivePasswords()
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	unlock, err := lockFolder(config.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if !confined {
		if secrets, err = prepareFolder(config); err != nil {
			return err
		}
		dropped, err := dropUnnoted(config.Data)
		if err != nil {
			return err
		}
		if len(dropped) > 0 {
			config.Logger.Warn("the engine was killed amid an insert: its rows are taken back, for they will be sent again",
				"parts", dropped)
		}
		// The lock goes with this program and is taken anew by the next.
		reason := handOver(config, path, secrets)
		config.Logger.Warn("engine runs without the kernel's confinement", "reason", reason)
		if err := os.Setenv("TZ", "UTC"); err != nil {
			return fmt.Errorf("start engine: %w", err)
		}
	}
	// Listening comes before the library is loaded, so that a taken port is reported at once.
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return fmt.Errorf("start engine: %w; choose another address with --listen (port 0 takes a free one)", err)
	}
	defer func() { _ = listener.Close() }()

	started := time.Now()
	store, err := openStore(path, config.Data)
	if err != nil {
		return err
	}
	defer store.close()

	access := Access{
		Address:  listener.Addr().String(),
		Database: Database,
		Writer:   Login{User: WriterUser, Password: secrets.Writer},
		Reader:   Login{User: ReaderUser, Password: secrets.Reader},
		PID:      os.Getpid(),
		Boot:     bootID(),
	}
	server := &http.Server{
		Handler:           newInterface(store, access, config),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(config.Logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := writeSecret(accessPath(config.Data), access); err != nil {
		return err
	}
	defer func() { _ = os.Remove(accessPath(config.Data)) }()
	config.Logger.Info("engine ready", "address", access.Address, "data", config.Data, "version", store.version,
		"took", time.Since(started).Round(time.Millisecond))

	select {
	case err := <-served:
		return fmt.Errorf("serve engine: %w", err)
	case <-ctx.Done():
	}
	config.Logger.Info("engine stopping")
	stopping, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		// Queries that outlast the grace are cancelled through their connections.
		_ = server.Close()
	}
	return nil
}

// prepareFolder creates what has to be there before the process is confined, and returns the users' passwords.
func prepareFolder(config Config) (passwords, error) {
	if err := os.MkdirAll(storePath(config.Data), 0o700); err != nil {
		return passwords{}, fmt.Errorf("prepare data folder: %w", err)
	}
	if err := writeServerConfig(config); err != nil {
		return passwords{}, err
	}
	return loadPasswords(config.Data)
}

// checkListen refuses an address that other machines can reach, unless that was asked for.
func checkListen(address string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("start engine: listen address %q: %w", address, err)
	}
	if allowRemote || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("start engine: %q can be reached from other machines and the engine is no public server; "+
		"listen on 127.0.0.1, or give --allow-remote if the network is yours", address)
}

// lockFolder makes this process the only engine on the folder.
func lockFolder(data string) (func(), error) {
	if err := os.MkdirAll(engineFolder(data), 0o700); err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	lock := flock.New(lockPath(data))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if !held {
		owner := "another process"
		if text, err := os.ReadFile(lockPath(data)); err == nil && len(text) > 0 {
			owner = "process " + strings.TrimSpace(string(text))
		}
		return nil, fmt.Errorf("the data folder %s is in use by %s; stop that one, or choose another folder with --data",
			data, owner)
	}
	if err := os.WriteFile(lockPath(data), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return func() { _ = lock.Unlock() }, nil
}
