// Package shop is the pages of a small web shop to be measured: rendered on the server, with product pictures, and a few
// faults that a visitor can trigger. They carry the real Grafana Faro Web SDK. What they fetch is answered by package backend.
package shop

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"strings"
)

//go:embed pages assets
var files embed.FS

// Config says how the shop's pages report, and as what.
type Config struct {
	CollectorURL string // where the browser sends its beacons: the sidecar's /collect
	FaroBundle   string // path of the Faro SDK bundle that `npm run build:demo` writes, usually bin/demo/faro.js
	App          string // app name in every beacon; "" means "shop"
	Environment  string // "" means "production"
	Release      string // "" means "2.5.0"
}

// New returns the pages: /, /category/{slug}, /product/{id}, /search, /cart, /checkout and /account, pictures under
// /images/ and everything static under /assets/.
func New(config Config) (http.Handler, error) {
	if config.CollectorURL == "" {
		return nil, errors.New("shop: no collector address, so its pages would have nowhere to report to")
	}
	config.App = or(config.App, "shop")
	config.Environment = or(config.Environment, "production")
	config.Release = or(config.Release, "2.5.0")

	pages, err := template.New("").Funcs(template.FuncMap{"price": price}).ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("shop: read page templates: %w", err)
	}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("shop: read assets: %w", err)
	}

	s := &server{config: config, pages: pages}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /category/{slug}", s.category)
	mux.HandleFunc("GET /product/{id}", s.product)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /cart", s.plain("cart", "Your basket"))
	mux.HandleFunc("GET /checkout", s.plain("checkout", "Checkout"))
	mux.HandleFunc("GET /account", s.plain("account", "Your account"))
	mux.HandleFunc("GET /images/{name}", picture)
	mux.HandleFunc("GET /assets/faro.js", s.faro)
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
	return mux, nil
}

type server struct {
	config Config
	pages  *template.Template
}

// view is what every page template gets.
type view struct {
	Page        string
	Title       string
	Categories  []Category
	Category    Category
	Product     Product
	Products    []Product
	Query       string
	Settings    template.JS // read by telemetry.js
	BundleFound bool
	Bundle      string
}

func (s *server) render(w http.ResponseWriter, status int, v view) {
	settings, err := json.Marshal(map[string]string{
		"collector":   s.config.CollectorURL,
		"app":         s.config.App,
		"environment": s.config.Environment,
		"release":     s.config.Release,
	})
	if err != nil {
		http.Error(w, "shop: encode telemetry settings: "+err.Error(), http.StatusInternalServerError)
		return
	}
	_, statErr := os.Stat(s.config.FaroBundle)
	v.Categories = Categories
	v.Settings = template.JS(settings) // our own configuration, encoded as JSON
	v.BundleFound = statErr == nil
	v.Bundle = s.config.FaroBundle

	var page strings.Builder
	if err := s.pages.ExecuteTemplate(&page, v.Page+".html", v); err != nil {
		http.Error(w, "shop: render "+v.Page+": "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	fmt.Fprint(w, page.String())
}

func (s *server) home(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, view{Page: "home", Title: "Goods for slow mornings", Products: Products[:6]})
}

func (s *server) category(w http.ResponseWriter, r *http.Request) {
	for _, c := range Categories {
		if c.Slug == r.PathValue("slug") {
			s.render(w, http.StatusOK, view{Page: "category", Title: c.Name, Category: c, Products: InCategory(c.Slug)})
			return
		}
	}
	s.notFound(w)
}

func (s *server) product(w http.ResponseWriter, r *http.Request) {
	p, ok := ProductByID(r.PathValue("id"))
	if !ok {
		s.notFound(w)
		return
	}
	s.render(w, http.StatusOK, view{Page: "product", Title: p.Name, Product: p, Products: InCategory(p.Category)})
}

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	s.render(w, http.StatusOK, view{Page: "search", Title: "Search", Query: q, Products: Matching(q)})
}

func (s *server) plain(page, title string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s.render(w, http.StatusOK, view{Page: page, Title: title})
	}
}

func (s *server) notFound(w http.ResponseWriter) {
	s.render(w, http.StatusNotFound, view{Page: "missing", Title: "Not here"})
}

// faro serves the SDK bundle from disk, because it is built from npm and not part of this program.
func (s *server) faro(w http.ResponseWriter, r *http.Request) {
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

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
