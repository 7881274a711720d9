package ingest

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

const formatSourceMap = "sourcemap"

// takeSourceMap keeps one source map of a release: PUT /v1/sourcemaps/{app}/{release}/{file}, the map as the body.
func (s *Server) takeSourceMap(w http.ResponseWriter, r *http.Request) {
	if refused := s.putSourceMap(r); refused != nil {
		s.answerRefusal(w, r, formatSourceMap, nil, refused)
		return
	}
	s.answerAccepted(w, formatSourceMap, 1, nil)
}

func (s *Server) putSourceMap(r *http.Request) *refusal {
	switch {
	case s.maps == nil:
		return refuse(http.StatusNotFound, "path", "this sidecar keeps no source maps")
	case !knownEncoding(r):
		return refuse(http.StatusUnsupportedMediaType, "encoding", "send the body plain or packed with gzip")
	case r.ContentLength > sourcemap.MaxMapBytes:
		return refuse(http.StatusRequestEntityTooLarge, "too large", errTooLarge.Error())
	}
	if refused := s.mayAdminister(r); refused != nil {
		return refused
	}
	var body bytes.Buffer // not one of the pooled ones: they would stay as large as the largest map
	if err := readBody(r, &body, sourcemap.MaxMapBytes); err != nil {
		if errors.Is(err, errTooLarge) {
			return refuse(http.StatusRequestEntityTooLarge, "too large", err.Error())
		}
		return refuse(http.StatusBadRequest, "unreadable", err.Error())
	}
	err := s.maps.Put(r.PathValue("app"), r.PathValue("release"), r.PathValue("file"), body.Bytes())
	switch {
	case errors.Is(err, sourcemap.ErrInvalid):
		return refuse(http.StatusBadRequest, "no source map", err.Error())
	case err != nil:
		s.logger.Error("a source map could not be kept", "error", err)
		return refuse(http.StatusServiceUnavailable, "not kept", "the source map could not be written to disk; try again later")
	}
	return nil
}

// mayAdminister lets in who has the admin token. Where none is needed, any page open on this machine could send here,
// and none has a reason to.
func (s *Server) mayAdminister(r *http.Request) *refusal {
	if refused := s.keys.mayAdminister(r); refused != nil {
		return refused
	}
	if s.keys.admin == nil && r.Header.Get("Origin") != "" {
		return refuse(http.StatusForbidden, "origin", "this is not done from web pages")
	}
	return nil
}
