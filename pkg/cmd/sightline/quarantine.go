package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/sightline-rum/sightline/pkg/frametext"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/quarantine"
)

// quarantineCmd is about items that were rejected for what is wrong with them.
type quarantineCmd struct {
	List   quarantineListCmd   `cmd:"" help:"List rejected items: by reason, or one by one with --all."`
	Show   quarantineShowCmd   `cmd:"" help:"Print rejected items as JSON."`
	Replay quarantineReplayCmd `cmd:"" help:"Send rejected items through the pipeline of a running sidecar again."`
}

// Help is the text below the flags of --help.
func (c *quarantineCmd) Help() string {
	return `An item of a beacon that cannot be used is rejected with a reason; the rest of the beacon is taken. Rejected items
are kept, scrubbed, for seven days and up to 64 MiB (limits.quarantine_days and quarantine_bytes in the configuration).

  What is wrong with what my pages send?
    sightline quarantine list
    sightline quarantine show --reason 'an event without a name' --limit 3

  It was our configuration, or the version before this one, that was too strict:
    sightline quarantine replay --app shop

What goes through is stored at the time it was received and leaves the quarantine; the rest stays.`
}

// chosen says which entries a command is about.
type chosen struct {
	IDs    []string `arg:"" optional:"" name:"id" help:"Ids, as list --all prints them."`
	App    string   `help:"Of this app alone." env:"SIGHTLINE_APP" placeholder:"NAME"`
	Reason string   `help:"Rejected for a reason that begins so." placeholder:"TEXT"`
}

func (c *chosen) replay() ingest.Replay {
	return ingest.Replay{IDs: c.IDs, App: c.App, Reason: c.Reason}
}

func (c *chosen) read(data string) ([]quarantine.Entry, error) {
	all, err := quarantine.Read(filepath.Join(data, "quarantine"))
	if err != nil {
		return nil, fmt.Errorf("%w; read it as the user that runs `sightline serve`", err)
	}
	wanted := c.replay()
	return slices.DeleteFunc(all, func(e quarantine.Entry) bool { return !wanted.Matches(&e) }), nil
}

type quarantineListCmd struct {
	Data   string `help:"Data folder of the sidecar." default:"./data" env:"SIGHTLINE_DATA" type:"path"`
	All    bool   `help:"One line for each item instead of for each reason."`
	Limit  int    `help:"At most so many lines, the latest of them." default:"50"`
	Output string `help:"Print a table or json." enum:"table,json" default:"table"`
	chosen
}

// Run prints what is there.
func (c *quarantineListCmd) Run(context.Context) error { return c.write(os.Stdout) }

func (c *quarantineListCmd) write(out io.Writer) error {
	entries, err := c.read(c.Data)
	if err != nil {
		return err
	}
	if c.All {
		return c.writeAll(out, entries)
	}
	reasons := byReason(entries)
	if c.Output == "json" {
		return printJSON(out, reasons[:min(len(reasons), c.Limit)])
	}
	if len(reasons) == 0 {
		_, err := fmt.Fprintln(out, "nothing is quarantined")
		return err
	}
	rows := newTable("items", "app", "format", "reason", "first", "last", "replayable")
	for _, r := range reasons[:min(len(reasons), c.Limit)] {
		rows.AppendRow(table.Row{r.Items, frametext.Printable(r.App), r.Format, frametext.Printable(r.Reason),
			r.First.Format(time.DateTime),
			r.Last.Format(time.DateTime), r.Replayable})
	}
	_, err = fmt.Fprintln(out, rows.Render())
	return err
}

func (c *quarantineListCmd) writeAll(out io.Writer, entries []quarantine.Entry) error {
	entries = entries[max(0, len(entries)-c.Limit):]
	if c.Output == "json" {
		return printJSON(out, entries)
	}
	rows := newTable("id", "received", "app", "list", "index", "reason")
	for _, e := range entries {
		rows.AppendRow(table.Row{e.ID, e.At.Format(time.DateTime), frametext.Printable(e.App), e.List, e.Index,
			frametext.Printable(e.Reason)})
	}
	_, err := fmt.Fprintln(out, rows.Render())
	return err
}

// rejectedFor is how many items of an app were rejected for one reason.
type rejectedFor struct {
	App        string    `json:"app"`
	Format     string    `json:"format"`
	Reason     string    `json:"reason"`
	Items      int       `json:"items"`
	Replayable int       `json:"replayable"` // the others were kept as a reason alone
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}

// byReason has the reason with the most items first.
func byReason(entries []quarantine.Entry) []*rejectedFor {
	found := map[[3]string]*rejectedFor{}
	all := []*rejectedFor{}
	for _, e := range entries {
		key := [3]string{e.App, e.Format, e.Reason}
		r := found[key]
		if r == nil {
			r = &rejectedFor{App: e.App, Format: e.Format, Reason: e.Reason, First: e.At}
			found[key] = r
			all = append(all, r)
		}
		r.Items++
		r.Last = e.At
		if len(e.Payload) > 0 {
			r.Replayable++
		}
	}
	slices.SortStableFunc(all, func(a, b *rejectedFor) int { return cmp.Compare(b.Items, a.Items) })
	return all
}

type quarantineShowCmd struct {
	Data  string `help:"Data folder of the sidecar." default:"./data" env:"SIGHTLINE_DATA" type:"path"`
	Limit int    `help:"At most so many, the latest of them." default:"10"`
	chosen
}

// Run prints the entries, one JSON object each.
func (c *quarantineShowCmd) Run(context.Context) error { return c.write(os.Stdout) }

func (c *quarantineShowCmd) write(out io.Writer) error {
	entries, err := c.read(c.Data)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fmt.Errorf("nothing in the quarantine of %s matches", c.Data)
	}
	for _, e := range entries[max(0, len(entries)-c.Limit):] {
		if err := printJSON(out, e); err != nil {
			return err
		}
	}
	return nil
}

type quarantineReplayCmd struct {
	sidecarAt
	chosen
}

// Run asks the sidecar until it has looked at all of them.
func (c *quarantineReplayCmd) Run(ctx context.Context) error { return c.write(ctx, os.Stdout) }

func (c *quarantineReplayCmd) write(ctx context.Context, out io.Writer) error {
	asked := c.chosen.replay()
	total := ingest.Replayed{Reasons: map[string]int{}}
	for more := true; more; {
		body, err := json.Marshal(asked)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		text, err := c.send(ctx, http.MethodPost, "/v1/quarantine/replay", body)
		if err != nil {
			return err
		}
		var answer ingest.Replayed
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("the sidecar at %s answered with something else than JSON: %w", c.To, err)
		}
		total.Replayed += answer.Replayed
		total.Rejected += answer.Rejected
		for reason, items := range answer.Reasons {
			total.Reasons[reason] += items
		}
		asked.After, more = answer.Last, answer.Left > 0
	}
	fmt.Fprintf(out, "%d replayed, %d still rejected\n", total.Replayed, total.Rejected)
	for _, reason := range slices.Sorted(maps.Keys(total.Reasons)) {
		fmt.Fprintf(out, "  %d × %s\n", total.Reasons[reason], reason)
	}
	return nil
}

func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{}
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(columns)
	return t
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
