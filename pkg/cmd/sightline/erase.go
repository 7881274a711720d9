package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/user"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/ingest"
)

type eraseCmd struct {
	Session string        `help:"The id of the session to erase." xor:"subject" required:""`
	User    string        `help:"The site's own key of the user to erase (meta.user.id). Every session the user was seen in goes with it." xor:"subject" required:""`
	App     string        `help:"The app; required with --user, because users are kept as hashes of one app." env:"SIGHTLINE_APP"`
	Wait    time.Duration `help:"How long to wait for the verification; 0 asks and returns." default:"5m"`

	sidecarAt
}

func (*eraseCmd) Help() string {
	return `
The rows of the visits are deleted from all tables, error groups are counted anew, and a query verifies that nothing is
left. Beacons of the same visits that come later are dropped. What was erased, when and at whose request is recorded
without saying whose it was: ask the telemetry question, or the table erasures.

Examples:
  sightline erase --session 8f3ac1
  sightline erase --app shop --user customer-4711
`
}

func (c *eraseCmd) Run(ctx context.Context) error {
	if c.User != "" && c.App == "" {
		return errors.New("--user needs --app: users are kept as hashes of one app")
	}
	request := ingest.Erasure{App: c.App, Session: c.Session, User: c.User}
	if who, err := user.Current(); err == nil {
		request.By = who.Username
	}
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	told, err := c.ask(ctx, http.MethodPost, "/v1/erasures", body)
	if err != nil {
		return err
	}
	fmt.Printf("asked for: erasure %s\n", told.ID)
	deadline := time.Now().Add(c.Wait)
	for told.State != erase.StateVerified {
		if time.Now().After(deadline) {
			if c.Wait == 0 {
				return nil
			}
			return fmt.Errorf("erasure %s is not verified after %s; it goes on, also after a restart: see the sidecar's log", told.ID, c.Wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
		if told, err = c.ask(ctx, http.MethodGet, "/v1/erasures/"+told.ID, nil); err != nil {
			return err
		}
	}
	printErased(told)
	return nil
}

func printErased(told erase.Status) {
	if len(told.Rows) == 0 {
		fmt.Println("verified: there were no rows, and none will come back")
		return
	}
	for _, table := range slices.Sorted(maps.Keys(told.Rows)) {
		fmt.Printf("  %-16s %d rows\n", table, told.Rows[table])
	}
	fmt.Println("verified: they are gone, and will not come back")
}

func (c *eraseCmd) ask(ctx context.Context, method, path string, body []byte) (told erase.Status, err error) {
	text, err := c.send(ctx, method, path, body)
	if err != nil {
		return told, err
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return told, fmt.Errorf("the sidecar at %s answered something else than an erasure: %w", c.To, err)
	}
	return told, nil
}
