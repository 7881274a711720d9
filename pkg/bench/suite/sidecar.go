package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/store"
)

// sidecar is a running `sightline serve` with an engine of its own.
type sidecar struct {
	*process
	data   string
	listen string
	engine engine.Access
	store  *store.Store // for counting, as the writer
}

// startSidecar runs bin/sightline on a folder, and waits until it is ready.
func startSidecar(ctx context.Context, folder, name string) (*sidecar, error) {
	program, err := built("bin/sightline", "build")
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, program, folder, name)
}

// startProgram is startSidecar with another build of the program.
func startProgram(ctx context.Context, program, folder, name string) (*sidecar, error) {
	s := &sidecar{data: filepath.Join(folder, name)}
	engineListen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if s.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, err
	}
	s.process, err = start(name, filepath.Join(folder, name+".log"), program, "serve", "--data", s.data,
		"--listen", s.listen, "--engine-listen", engineListen, "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	err = s.until(ctx, "it was ready", func() (bool, error) {
		response, err := http.Get(s.url("/readyz"))
		if err != nil {
			return false, nil
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
	if err == nil {
		s.engine, err = engine.ReadAccess(s.data)
	}
	if err == nil {
		s.store, err = store.Open(store.FromAccess(s.engine.Address, s.engine.Database, s.engine.Writer.User,
			s.engine.Writer.Password))
	}
	if err != nil {
		s.process.stop()
		return nil, err
	}
	return s, nil
}

func (s *sidecar) stop() {
	_ = s.store.Close()
	s.process.stop()
}

func (s *sidecar) url(path string) string { return "http://" + s.listen + path }

// drained waits until all that was acknowledged is in the store. It looks seldom: the answer costs the sidecar a
// millisecond that would be counted as the beacons'.
func (s *sidecar) drained(ctx context.Context) error {
	return s.untilEvery(ctx, 250*time.Millisecond, "the spool was drained", func() (bool, error) {
		left, err := s.metric("sightline_spool_records")
		return left == 0, err
	})
}

// metric reads one of the sidecar's own metrics, without labels.
func (s *sidecar) metric(name string) (float64, error) {
	request, err := http.NewRequest(http.MethodGet, s.url("/metrics"), nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the sidecar has no metric %s", name)
}

// count is what a statement without parameters answers.
func (s *sidecar) count(ctx context.Context, sql string) (float64, error) {
	var n uint64
	err := s.store.Conn().QueryRow(ctx, sql).Scan(&n)
	return float64(n), err
}
