package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sightline-rum/sightline/pkg/erase"
)

const formatErasure = "erasure"

// Erasure is the body of POST /v1/erasures: a session, a user by the site's own key and the app, or all of an app. The
// key is hashed here and goes no further.
type Erasure struct {
	App     string `json:"app,omitempty"`
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
	All     bool   `json:"all,omitempty"`
	By      string `json:"by,omitempty"` // who asked, for the record
}

// erasures takes a request to erase a visit or a user. 202 means that it is on disk and will be done whatever happens;
// GET /v1/erasures/<id> tells when it is.
func (s *Server) erasures(w http.ResponseWriter, r *http.Request) {
	id, refused := s.takeErasure(r)
	if refused != nil {
		s.answerRefusal(w, r, formatErasure, nil, refused)
		return
	}
	s.metrics.requests.WithLabelValues(formatErasure, "202").Inc()
	s.writeErasure(w, http.StatusAccepted, id)
}

func (s *Server) takeErasure(r *http.Request) (id string, refused *refusal) {
	if s.erase == nil {
		return "", refuse(http.StatusNotFound, "path", "this sidecar erases nothing")
	}
	if refused := s.gateAdmin(r); refused != nil {
		return "", refused
	}
	body := bodies.Get().(*bytes.Buffer)
	defer putBody(body)
	if err := readBody(r, body, 64<<10); err != nil {
		return "", refuseBody(err)
	}
	var e Erasure
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields() // a misspelt app would erase less, or more, than was meant
	if err := decoder.Decode(&e); err != nil {
		return "", refuse(http.StatusBadRequest, "undecodable", "the request is not valid: "+err.Error())
	}
	request := erase.Request{App: strings.TrimSpace(e.App), Session: strings.TrimSpace(e.Session), All: e.All, By: cut(e.By, maxName)}
	if e.User != "" && request.App != "" {
		request.UserKey = HashUser(s.userKey, request.App, e.User)
	}
	if e.User != "" && (e.Session != "" || e.All) {
		return "", refuse(http.StatusBadRequest, "incomplete", erase.ErrIncomplete.Error())
	}
	id, err := s.erase.Ask(request)
	switch {
	case errors.Is(err, erase.ErrIncomplete):
		return "", refuse(http.StatusBadRequest, "incomplete", err.Error())
	case err != nil:
		s.logger.Error("an erasure could not be taken", "error", err)
		return "", refuse(http.StatusServiceUnavailable, "not kept", "the request could not be written to disk; try again later")
	}
	return id, nil
}

// erasure tells how an erasure is going.
func (s *Server) erasure(w http.ResponseWriter, r *http.Request) {
	refused := s.mayAdminister(r)
	if refused == nil {
		if s.erase != nil && s.writeErasure(w, http.StatusOK, r.PathValue("id")) {
			return
		}
		refused = refuse(http.StatusNotFound, "path", "there is no such erasure here")
	}
	s.answerRefusal(w, r, formatErasure, nil, refused)
}

func (s *Server) writeErasure(w http.ResponseWriter, status int, id string) bool {
	told, known := s.erase.Status(id)
	if !known {
		return false
	}
	text, err := json.Marshal(told)
	if err != nil {
		return false
	}
	writeJSON(w, status, text)
	return true
}
