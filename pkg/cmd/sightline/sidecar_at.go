package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sidecarAt is a running sidecar that a command talks to.
type sidecarAt struct {
	To    string `help:"The sidecar, or its --admin-listen address where it has one." default:"http://127.0.0.1:8787" env:"SIGHTLINE_URL" placeholder:"URL" aliases:"server"`
	Token string `help:"The admin token, where the sidecar has one. Prefer the variable: a command line can be seen by others." env:"SIGHTLINE_ADMIN_TOKEN"`
}

// requestTimeout is for one request, be it with a source map of many megabytes.
const requestTimeout = 2 * time.Minute

// send makes a request and returns the answer's body. Anything but success is an error with what the sidecar says.
func (s sidecarAt) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(s.To, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("--to %s: %w", s.To, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the sidecar at %s does not answer: %w", s.To, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("the sidecar at %s broke off its answer: %w", s.To, err)
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the sidecar at %s answered %s: %s", s.To, answer.Status, said(text))
	}
	return text, nil
}

// said is the message of a refusal, or the answer as it is.
func said(text []byte) string {
	var refusal struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &refusal) == nil && refusal.Error != "" {
		return refusal.Error
	}
	return string(bytes.TrimSpace(text))
}
