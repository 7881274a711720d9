package ingest

import (
	"net/http"
	"path"
	"strings"
)

// adminPaths are what operators and their pipelines use: these paths and all below them.
var adminPaths = []string{"/v1/deploys", "/v1/erasures", "/v1/sourcemaps", "/v1/quarantine", "/metrics"}

// sharedPaths are answered at both addresses: load balancers ask at the one, operators at the other.
var sharedPaths = []string{"/healthz", "/readyz"}

// noPages is what a browser is told that asks in the name of a page.
const noPages = "web pages have no business here"

// forOperators says whether a request is for one of the admin endpoints.
func forOperators(r *http.Request) bool { return among(adminPaths, path.Clean("/"+r.URL.Path)) }

// gateAdmin decides from the head of a request with a JSON body whether an operator sent it.
func (s *Server) gateAdmin(r *http.Request) *refusal {
	switch {
	case !isJSON(mediaType(r)):
		return refuse(http.StatusUnsupportedMediaType, "media type", "send application/json")
	case !knownEncoding(r):
		return refuse(http.StatusUnsupportedMediaType, "encoding", "send the body plain or packed with gzip")
	}
	return s.mayAdminister(r)
}

// mayAdminister lets in who has the admin token. Where none is needed, any page open on this machine could send here,
// and none has a reason to.
func (s *Server) mayAdminister(r *http.Request) *refusal {
	if refused := s.keys.mayAdminister(r); refused != nil {
		return refused
	}
	if s.keys.admin == nil && r.Header.Get("Origin") != "" {
		return refuse(http.StatusForbidden, "origin", noPages)
	}
	return nil
}

// PublicHandler answers what visitors' browsers may ask, for an installation whose admin endpoints have an address of
// their own. The rest is as if it were not there.
func (s *Server) PublicHandler() http.Handler {
	return s.only(func(path string) bool { return !among(adminPaths, path) })
}

// AdminHandler answers the admin endpoints alone.
func (s *Server) AdminHandler() http.Handler {
	return s.only(func(path string) bool { return among(adminPaths, path) || among(sharedPaths, path) })
}

func (s *Server) only(wanted func(path string) bool) http.Handler {
	all := s.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !wanted(path.Clean("/" + r.URL.Path)) {
			s.nameRequest(w)
			cors(w, r)
			s.answerRefusal(w, r, "none", nil, refuse(http.StatusNotFound, "path", "there is nothing here"))
			return
		}
		all.ServeHTTP(w, r)
	})
}

func among(paths []string, asked string) bool {
	for _, path := range paths {
		if strings.HasPrefix(asked+"/", path+"/") {
			return true
		}
	}
	return false
}
