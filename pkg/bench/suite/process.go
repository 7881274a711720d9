package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a contestant's program. What it prints is kept in a file, of which the end is told when it fails.
type process struct {
	name    string
	command *exec.Cmd
	log     string
	exited  chan struct{}
}

func start(name, log, program string, args ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{name: name, command: exec.Command(program, args...), log: log, exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks the program to end and waits for it; after half a minute it is killed.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		_ = p.command.Process.Kill()
		<-p.exited
	}
}

// until waits for something to become true while the program runs, and looks every 20 ms.
func (p *process) until(ctx context.Context, what string, is func() (bool, error)) error {
	return p.untilEvery(ctx, 20*time.Millisecond, what, is)
}

func (p *process) untilEvery(ctx context.Context, pause time.Duration, what string, is func() (bool, error)) error {
	deadline := time.Now().Add(5 * time.Minute)
	for {
		done, err := is()
		if done && err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before %s; it said:\n%s", p.name, what, p.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s: not %s within five minutes; it said:\n%s", p.name, what, p.said()), err)
		}
	}
}

// said is the end of what the program printed.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// listens waits until an address takes requests, whatever it answers.
func (p *process) listens(ctx context.Context, address string) error {
	return p.until(ctx, "it listened at "+address, func() (bool, error) {
		response, err := http.Get("http://" + address)
		if err != nil {
			return false, nil
		}
		return true, response.Body.Close()
	})
}

// freeAddress is one that nothing listens at.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// built is a program that the build has made.
func built(pattern, task string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s is not built: run `go tool mage %s`", pattern, task)
	}
	return filepath.Abs(found[0])
}
