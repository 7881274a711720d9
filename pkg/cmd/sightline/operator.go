package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// operator is how a command speaks to a running sidecar's admin endpoints.
type operator struct {
	To    string `help:"The sidecar, or its --admin-listen address where it has one." default:"http://127.0.0.1:8787" env:"SIGHTLINE_URL" placeholder:"URL"`
	Token string `help:"The admin token, where the sidecar has one." env:"SIGHTLINE_ADMIN_TOKEN"`
}

// post sends JSON and returns the answer's body if its status is the one wanted.
func (o *operator) post(ctx context.Context, path string, body any, want int) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(o.To, "/")+path,
		bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("--to %s: %w", o.To, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if o.Token != "" {
		request.Header.Set("Authorization", "Bearer "+o.Token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the sidecar at %s does not answer: %w", o.To, err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("the answer of the sidecar at %s broke off: %w", o.To, err)
	}
	if answer.StatusCode != want {
		return nil, fmt.Errorf("the sidecar at %s answered %s: %s", o.To, answer.Status, bytes.TrimSpace(said))
	}
	return said, nil
}
