package shop

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
)

// What a page can be measured by.
const (
	Agent = "agent" // Sightline's own, from the sidecar; every page but one has it
	Faro  = "faro"  // the Grafana Faro Web SDK; /help has it
	None  = "none"  // nothing, to compare with
)

// agentTag is the agent's script tag: what a site writes into its pages to be measured.
type agentTag struct {
	Script string // address of the script, beside the collector
	Key    string // of the app; "" where the collector needs none
	Route  string // such as /product/:id
}

// agentBeside returns the address of the agent's script and the app's key, from the address that takes the beacons:
// …/collect or …/collect/KEY.
func agentBeside(collector string) (script, key string, err error) {
	address, err := url.Parse(collector)
	if err != nil {
		return "", "", fmt.Errorf("shop: read the collector's address: %w", err)
	}
	folder := strings.TrimSuffix(address.Path, "/")
	if path.Base(folder) != "collect" {
		folder, key = path.Split(folder)
		folder = strings.TrimSuffix(folder, "/")
	}
	if path.Base(folder) != "collect" {
		return "", "", fmt.Errorf("shop: the collector's address %q ends neither in /collect nor in /collect/KEY, "+
			"so it is unknown where the agent's script is", collector)
	}
	address.Path, address.RawQuery = path.Join(path.Dir(folder), "agent.js"), ""
	return address.String(), key, nil
}

// measured adds to a page what it is measured by.
func (s *server) measured(v *view) error {
	v.App, v.Environment, v.Release = s.config.App, s.config.Environment, s.config.Release
	switch v.Switches.SDK {
	case Agent:
		v.Agent = &agentTag{Script: s.agent, Key: s.key, Route: v.Route}
	case Faro:
		settings, err := json.Marshal(map[string]string{
			"collector": s.config.CollectorURL, "app": v.App, "environment": v.Environment, "release": v.Release,
		})
		if err != nil {
			return fmt.Errorf("shop: encode the settings of the Faro SDK: %w", err)
		}
		v.Settings = template.JS(settings) // our own configuration, encoded as JSON
		v.Bundle = s.config.FaroBundle
		_, err = os.Stat(v.Bundle)
		v.BundleMissing = err != nil
	}
	return nil
}

// faro serves the Faro SDK's bundle from disk, because it is built from npm and not part of this program.
func (s *server) faro(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	bundle, err := os.ReadFile(s.config.FaroBundle)
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "// %s is missing. Build it with: npm run build:demo\n", s.config.FaroBundle)
		return
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(bundle)
}
