package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/ingest"
)

type eraseCmd struct {
	Session string        `help:"The id of the session to erase." xor:"subject" required:""`
	User    string        `help:"The site's own key of the user to erase (meta.user.id). Every session the user was seen in goes with it." xor:"subject" required:""`
	All     bool          `help:"Erase everything that visitors left of the --app." xor:"subject" required:""`
	ID      string        `name:"id" help:"Erase nothing more: tell of the erasure with this id." xor:"subject" required:""`
	App     string        `help:"The app; required with --user, because users are kept as hashes of one app, and with --all." env:"SIGHTLINE_APP"`
	By      string        `help:"Who asks, for the record; your user name if left out." placeholder:"NAME"`
	Wait    time.Duration `help:"How long to wait for the verification; 0 asks and returns." default:"5m"`
	Report  bool          `help:"Print a report for whoever asked: what was found and erased, how that was verified, and what stays."`
	Output  string        `help:"Print the report as text or json." enum:"text,json" default:"text"`

	sidecarAt
}

func (*eraseCmd) Help() string {
	return `
The rows of the visits are deleted from all tables, error groups and releases are counted anew, and a query verifies that
nothing is left. Beacons of the same visits that come later are dropped. What was erased, when and at whose request is
recorded without saying whose it was: ask the telemetry question, or the table erasures.

Examples:
  sightline erase --session 8f3ac1
  sightline erase --app shop --user customer-4711 --report > erasure.txt
  sightline erase --app shop --all
  sightline erase --id 01JD5V3H9Q --report --output json
`
}

func (c *eraseCmd) Run(ctx context.Context) error {
	told, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if told, err = c.await(ctx, told); err != nil {
		return err
	}
	switch {
	case c.Report && c.Output == "json":
		text, err := json.MarshalIndent(told.Report(), "", "  ")
		if err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
		fmt.Println(string(text))
	case c.Report:
		fmt.Print(told.Report().Text())
	case told.State == erase.StateVerified:
		printErased(told)
	}
	return nil
}

// begin asks for the erasure, or for how an earlier one stands.
func (c *eraseCmd) begin(ctx context.Context) (told erase.Status, err error) {
	switch {
	case c.ID != "":
		return c.ask(ctx, http.MethodGet, "/v1/erasures/"+c.ID, nil)
	case c.User != "" && c.App == "":
		return told, errors.New("--user needs --app: users are kept as hashes of one app")
	case c.All && c.App == "":
		return told, errors.New("--all needs --app: it erases everything of one app")
	}
	request := ingest.Erasure{App: c.App, Session: c.Session, User: c.User, All: c.All, By: c.By}
	if who, err := user.Current(); err == nil && c.By == "" {
		request.By = who.Username
	}
	body, err := json.Marshal(request)
	if err != nil {
		return told, fmt.Errorf("encode the request: %w", err)
	}
	if told, err = c.ask(ctx, http.MethodPost, "/v1/erasures", body); err != nil {
		return told, err
	}
	fmt.Fprintf(c.progress(), "asked for: erasure %s\n", told.ID)
	return told, nil
}

// progress is where to say how it goes: a report that is written to a file holds nothing else.
func (c *eraseCmd) progress() *os.File {
	if c.Report {
		return os.Stderr
	}
	return os.Stdout
}

// await returns once an erasure is verified, or as it stands when there is no time to wait.
func (c *eraseCmd) await(ctx context.Context, told erase.Status) (erase.Status, error) {
	deadline := time.Now().Add(c.Wait)
	for told.State != erase.StateVerified {
		if time.Now().After(deadline) {
			if c.Wait == 0 {
				return told, nil
			}
			return told, fmt.Errorf("erasure %s is not verified after %s; it goes on, also after a restart: see the sidecar's log",
				told.ID, c.Wait)
		}
		select {
		case <-ctx.Done():
			return told, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
		var err error
		if told, err = c.ask(ctx, http.MethodGet, "/v1/erasures/"+told.ID, nil); err != nil {
			return told, err
		}
	}
	return told, nil
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
