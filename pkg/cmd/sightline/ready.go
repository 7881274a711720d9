package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// readyCmd lets a container or a unit file ask whether a service is up, in an image that has no curl.
type readyCmd struct {
	URL     string        `arg:"" optional:"" default:"http://127.0.0.1:8787/readyz" help:"What to ask; the sidecar's /readyz if left out."`
	Timeout time.Duration `default:"3s" help:"How long an answer may take."`
}

// Run says nothing and succeeds when the answer is 200.
func (c *readyCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", c.URL, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("nothing answers: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return fmt.Errorf("%s answered %s: %s", c.URL, answer.Status, bytes.TrimSpace(said))
	}
	return nil
}
