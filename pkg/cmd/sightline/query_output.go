package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/sightline-rum/sightline/pkg/frametext"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

func (c *queryCmd) checkHealth(ctx context.Context, host *pluginhost.Host, settings backend.DataSourceInstanceSettings, out io.Writer) error {
	health, err := host.CheckHealth(ctx, &backend.CheckHealthRequest{PluginContext: c.pluginContext(settings)})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = encode(out, struct {
			Status  string          `json:"status"`
			Message string          `json:"message"`
			Details json.RawMessage `json:"details,omitempty"`
		}{health.Status.String(), health.Message, health.JSONDetails})
	} else {
		var details struct {
			VerboseMessage string `json:"verboseMessage"`
		}
		_ = json.Unmarshal(health.JSONDetails, &details) // details are a courtesy: without them the message stands alone
		_, err = fmt.Fprintf(out, "%s: %s\n", health.Status, health.Message)
		if details.VerboseMessage != "" {
			_, err = fmt.Fprintln(out, details.VerboseMessage)
		}
	}
	if err == nil && health.Status != backend.HealthStatusOk {
		err = errors.New(health.Message)
	}
	return err
}

func writeJSON(out io.Writer, request *backend.QueryDataRequest, answers *backend.QueryDataResponse, single bool) error {
	frames := map[string]data.Frames{}
	for refID, answer := range answers.Responses {
		if answer.Error != nil {
			continue
		}
		frames[refID] = answer.Frames
		if answer.Frames == nil {
			frames[refID] = data.Frames{}
		}
	}
	if !single {
		return encode(out, frames)
	}
	if only, ok := frames[request.Queries[0].RefID]; ok {
		return encode(out, only)
	}
	return nil
}

func writeTables(out io.Writer, request *backend.QueryDataRequest, answers *backend.QueryDataResponse, text frametext.Options) error {
	for i, query := range request.Queries {
		if len(request.Queries) > 1 {
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintf(out, "%s  %s\n", query.RefID, query.QueryType)
		}
		answer := answers.Responses[query.RefID]
		if answer.Error != nil {
			continue // said once, by failures
		}
		if err := frametext.Write(out, answer.Frames, text); err != nil {
			return err
		}
	}
	return nil
}

// failures is what the plugin said about each query it answered with an error.
func failures(request *backend.QueryDataRequest, answers *backend.QueryDataResponse, single bool) error {
	var all []error
	for _, query := range request.Queries {
		answer, answered := answers.Responses[query.RefID]
		err := answer.Error
		if !answered {
			err = errors.New("the plugin gave no answer")
		}
		switch {
		case err == nil:
		case single:
			all = append(all, err)
		default:
			all = append(all, fmt.Errorf("%s: %w", query.RefID, err))
		}
	}
	return errors.Join(all...)
}

func encode(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// newTerminal says how wide a file's terminal is and whether it shows colours; a pipe has neither.
func newTerminal(file *os.File) frametext.Options {
	options := frametext.Options{Location: time.Local}
	if !isatty.IsTerminal(file.Fd()) {
		return options
	}
	// https://no-color.org
	options.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		options.Width = width
	}
	return options
}
