// Package shop is the pages of a small web shop to be measured: rendered on the server, with product pictures, and
// faults that a visitor can trigger. Sightline's agent measures them, and one page the real Grafana Faro Web SDK. What
// they fetch is answered by package backend.
package shop

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed pages assets
var files embed.FS

// Config says how the shop's pages report, and as what.
type Config struct {
	CollectorURL string // where the browser sends its beacons: the sidecar's /collect, or /collect/KEY
	FaroBundle   string // path of the Faro SDK bundle that `npm run build:demo` writes, usually bin/demo/faro.js
	App          string // app name in every beacon; "" means "shop"
	Environment  string // "" means "production"
	Release      string // "" means "2.5.0"
}

// New returns the pages: /, /category/{slug}, /product/{id}, /search, /cart, /checkout, /account with its addresses, and
// /help; pictures under /images/ and everything static under /assets/.
func New(config Config) (http.Handler, error) {
	if config.CollectorURL == "" {
		return nil, errors.New("shop: no collector address, so its pages would have nowhere to report to")
	}
	config.App = cmp.Or(config.App, "shop")
	config.Environment = cmp.Or(config.Environment, "production")
	config.Release = cmp.Or(config.Release, "2.5.0")
	script, key, err := agentBeside(config.CollectorURL)
	if err != nil {
		return nil, err
	}

	pages, err := template.New("").Funcs(template.FuncMap{"price": price}).ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("shop: read page templates: %w", err)
	}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("shop: read assets: %w", err)
	}

	s := &server{config: config, agent: script, key: key, pages: pages}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /category/{slug}", s.category)
	mux.HandleFunc("GET /product/{id}", s.product)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /cart", s.plain(view{Page: "cart", Route: "/cart", Title: "Your basket"}))
	mux.HandleFunc("GET /checkout", s.plain(view{Page: "checkout", Route: "/checkout", Title: "Checkout"}))
	mux.HandleFunc("GET /account", s.plain(view{Page: "account", Route: "/account", Title: "Your account"}))
	mux.HandleFunc("GET /account/addresses/{name}",
		s.plain(view{Page: "account", Route: "/account/addresses/:name", Title: "Your account"}))
	mux.HandleFunc("GET /help", s.plain(view{Page: "help", Route: "/help", Title: "Help", sdk: Faro}))
	mux.HandleFunc("GET /images/{name}", picture)
	mux.HandleFunc("GET /assets/faro.js", s.faro)
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
	return mux, nil
}

type server struct {
	config     Config
	agent, key string // the agent's script, and the app's key
	pages      *template.Template
}

// view is what every page template gets.
type view struct {
	Page       string
	Route      string // its name in all answers, the same for every shelf and every product
	Title      string
	Categories []Category
	Category   Category
	Product    Product
	Products   []Product
	Query      string

	App, Environment, Release string
	Switches                  switches
	Agent                     *agentTag   // nil where something else measures the page
	Settings                  template.JS // of the Faro SDK, read by telemetry.js
	Bundle                    string
	BundleMissing             bool

	sdk string // what measures the page unless its address says otherwise; "" means the agent
}

func (s *server) render(w http.ResponseWriter, r *http.Request, status int, v view) {
	var err error
	if v.Switches, err = readSwitches(r.URL.Query(), cmp.Or(v.sdk, Agent)); err != nil {
		http.Error(w, "shop: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.measured(&v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	v.Categories = Categories

	var page strings.Builder
	if err := s.pages.ExecuteTemplate(&page, v.Page+".html", v); err != nil {
		http.Error(w, "shop: render "+v.Page+": "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	for _, policy := range v.Switches.policies() {
		w.Header().Add("Content-Security-Policy", policy)
	}
	w.WriteHeader(status)
	fmt.Fprint(w, page.String())
}

func (s *server) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, view{Page: "home", Route: "/", Title: "Goods for slow mornings", Products: Products[:6]})
}

func (s *server) category(w http.ResponseWriter, r *http.Request) {
	for _, c := range Categories {
		if c.Slug == r.PathValue("slug") {
			s.render(w, r, http.StatusOK, view{Page: "category", Route: "/category/:slug", Title: c.Name, Category: c,
				Products: InCategory(c.Slug)})
			return
		}
	}
	s.notFound(w, r)
}

func (s *server) product(w http.ResponseWriter, r *http.Request) {
	p, ok := ProductByID(r.PathValue("id"))
	if !ok {
		s.notFound(w, r)
		return
	}
	s.render(w, r, http.StatusOK, view{Page: "product", Route: "/product/:id", Title: p.Name, Product: p,
		Products: InCategory(p.Category)})
}

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	s.render(w, r, http.StatusOK, view{Page: "search", Route: "/search", Title: "Search", Query: q, Products: Matching(q)})
}

func (s *server) plain(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.render(w, r, http.StatusOK, v) }
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusNotFound, view{Page: "missing", Route: "/missing", Title: "Not here"})
}
