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

	"github.com/sightline-rum/sightline/pkg/ingest"
)

type deployCmd struct {
	App         string    `help:"The app that was deployed." required:"" env:"SIGHTLINE_APP"`
	Environment string    `help:"Where it was deployed; the sidecar's default environment if left out." env:"SIGHTLINE_ENVIRONMENT"`
	Release     string    `help:"The release, as the app itself reports it in meta.app.version." required:"" env:"SIGHTLINE_RELEASE"`
	Title       string    `help:"What changed, in a few words."`
	URL         string    `help:"A page about the deploy: a pipeline, a changelog."`
	At          time.Time `help:"When it was deployed (RFC 3339); now if left out." placeholder:"TIME"`
	To          string    `help:"The sidecar." default:"http://127.0.0.1:8787" env:"SIGHTLINE_URL" placeholder:"URL"`
	Token       string    `help:"The admin token, where the sidecar has one." env:"SIGHTLINE_ADMIN_TOKEN"`
}

func (c *deployCmd) Run(ctx context.Context) error {
	body, err := json.Marshal(ingest.Deploy{
		App: c.App, Environment: c.Environment, Release: c.Release, Title: c.Title, URL: c.URL, At: c.At,
	})
	if err != nil {
		return fmt.Errorf("encode deploy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	url := strings.TrimRight(c.To, "/") + "/v1/deploys"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("--to %s: %w", c.To, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the sidecar at %s does not answer: %w", c.To, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return fmt.Errorf("the sidecar at %s answered %s: %s", c.To, answer.Status, bytes.TrimSpace(text))
	}
	fmt.Printf("recorded: %s %s\n", c.App, c.Release)
	return nil
}
