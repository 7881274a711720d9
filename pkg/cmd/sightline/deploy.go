package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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

	sidecarAt
}

func (c *deployCmd) Run(ctx context.Context) error {
	body, err := json.Marshal(ingest.Deploy{
		App: c.App, Environment: c.Environment, Release: c.Release, Title: c.Title, URL: c.URL, At: c.At,
	})
	if err != nil {
		return fmt.Errorf("encode deploy: %w", err)
	}
	if _, err := c.send(ctx, http.MethodPost, "/v1/deploys", body); err != nil {
		return err
	}
	fmt.Printf("recorded: %s %s\n", c.App, c.Release)
	return nil
}
