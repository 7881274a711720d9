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
	s.metrics.requests.WithLabelValues(formatSourceMap, "202").Inc()
	writeTaken(w, 1, 0, nil)
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
		return refuseBody(err)
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
