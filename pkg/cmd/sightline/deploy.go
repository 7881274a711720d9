package main

import (
	"context"
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

	operator
}

func (c *deployCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err := c.post(ctx, "/v1/deploys", ingest.Deploy{
		App: c.App, Environment: c.Environment, Release: c.Release, Title: c.Title, URL: c.URL, At: c.At,
	}, http.StatusAccepted)
	if err != nil {
		return err
	}
	fmt.Printf("recorded: %s %s\n", c.App, c.Release)
	return nil
}
