package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const formatDeploy = "deploy"

// Deploy is the body of POST /v1/deploys. App and Release are required; At defaults to now; URL is an http or https one.
type Deploy struct {
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Release     string    `json:"release"`
	Title       string    `json:"title,omitempty"`
	URL         string    `json:"url,omitempty"`
	At          time.Time `json:"at,omitzero"`
}

// deploys records a deploy marker.
func (s *Server) deploys(w http.ResponseWriter, r *http.Request) {
	refused := s.takeDeploy(requestID(w), r)
	if refused != nil {
		s.answerRefusal(w, r, formatDeploy, nil, refused)
		return
	}
	s.metrics.requests.WithLabelValues(formatDeploy, "202").Inc()
	writeTaken(w, 1, 0, nil)
}

func (s *Server) takeDeploy(request string, r *http.Request) *refusal {
	if refused := s.gateAdmin(r); refused != nil {
		return refused
	}
	body := bodies.Get().(*bytes.Buffer)
	defer putBody(body)
	if err := readBody(r, body, 64<<10); err != nil {
		return refuseBody(err)
	}
	var d Deploy
	if err := json.Unmarshal(body.Bytes(), &d); err != nil {
		return refuse(http.StatusBadRequest, "undecodable", "the deploy is not valid JSON: "+err.Error())
	}
	now := time.Now()
	if d.At.IsZero() {
		d.At = now
	}
	if d.Environment == "" {
		d.Environment = s.config.environment()
	}
	switch {
	case d.App == "" || d.Release == "":
		return refuse(http.StatusBadRequest, "incomplete", "a deploy needs app and release")
	case d.At.After(now.Add(24*time.Hour)) || d.At.Before(now.AddDate(-2, 0, 0)):
		return refuse(http.StatusBadRequest, "time", "the time of the deploy is not within the last two years")
	case d.URL != "" && !rum.WebAddress(d.URL):
		return refuse(http.StatusBadRequest, "url", "the url of a deploy becomes a link: it must begin with https:// or http://")
	}
	record := rum.Record{Request: request, Deploy: &rum.Deploy{
		TS: d.At.UnixMilli(), App: cut(d.App, maxName), Environment: cut(d.Environment, maxName), Release: cut(d.Release, maxName),
		Title: cut(d.Title, maxSelector), URL: cut(d.URL, maxURL),
	}}
	encoded, err := record.MarshalMsg(nil)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		defer cancel()
		for _, to := range s.lanes.everyOf(d.App) {
			err = errors.Join(err, to.spool.Append(ctx, encoded))
		}
	}
	if err != nil {
		s.logger.Error("a deploy could not be kept", "request", request, "error", err)
		refused := refuse(http.StatusServiceUnavailable, "not kept", "the deploy could not be written to disk; try again later")
		refused.retryAfter = jittered(5 * time.Second)
		return refused
	}
	return nil
}
