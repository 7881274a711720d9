// Package demo holds what a newcomer needs to see Sightline at work without a site of their own: a small shop with the
// real Faro Web SDK on its pages (shop), simulated visitors (traffic), and, in this package, the programs around them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Process is a program the demo started and will stop. What it says goes to a file, so that the demo's own words stay
// readable.
type Process struct {
	name   string
	log    string
	exited chan struct{}
	cancel context.CancelFunc
}

// stopWithin is how long a program may take to finish its work before it is killed.
const stopWithin = 30 * time.Second

// StartProcess starts a program, with its output in the log file. Environment entries are added to our own.
func StartProcess(name, logFile string, environment []string, program string, args ...string) (*Process, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = out, out
	command.Cancel = func() error {
		if err := command.Process.Signal(terminate); err != nil {
			return command.Process.Kill()
		}
		return nil
	}
	command.WaitDelay = stopWithin
	detach(command)
	p := &Process{name: name, log: logFile, exited: make(chan struct{}), cancel: cancel}
	started := make(chan error)
	go func() {
		// Where the kernel ends the program when we die, "we" is the thread that started it: it has to stay.
		runtime.LockOSThread()
		if err := command.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = command.Wait()
		out.Close()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		cancel()
		out.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Name is what the program is called in messages.
func (p *Process) Name() string { return p.name }

// Exited is closed once the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop asks the program to end, waits until it has, and kills it when it takes too long.
func (p *Process) Stop() {
	p.cancel()
	<-p.exited
}

// WaitReady waits until the address answers with 200. A program that ends before is an error that quotes its last words.
func (p *Process) WaitReady(ctx context.Context, url string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client := &http.Client{Timeout: 2 * time.Second}
	for {
		if answer, err := client.Get(url); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready:\n%s\nThe whole log is in %s", p.name, p.lastWords(12), p.log)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s was not ready within %s:\n%s\nThe whole log is in %s", p.name, within, p.lastWords(12), p.log)
			}
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Process) lastWords(lines int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// Address returns the wanted address, host:port, when nothing listens there yet, and one with a free port otherwise.
func Address(wanted string) (address string, free bool, err error) {
	if listener, err := net.Listen("tcp", wanted); err == nil {
		address := listener.Addr().String()
		return address, true, listener.Close()
	}
	host, _, err := net.SplitHostPort(wanted)
	if err != nil {
		return "", false, fmt.Errorf("address %q: %w", wanted, err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", false, fmt.Errorf("find a free port on %s: %w", host, err)
	}
	address = listener.Addr().String()
	return address, false, listener.Close()
}
