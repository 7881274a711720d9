package shop

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// slowPicture is how much longer the main picture of a page takes with the fault of that name.
const slowPicture = 900 * time.Millisecond

// picture draws a product's or the front page's picture as SVG: an image the browser has to fetch, decode and paint,
// and therefore a real candidate for Largest Contentful Paint. With ?slow it takes its time.
func picture(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), ".svg")
	hue, shape := 28, 3
	if p, ok := ProductByID(name); ok {
		shape = p.ID
		for _, c := range Categories {
			if c.Slug == p.Category {
				hue = c.Hue
			}
		}
	} else if name != "hero" {
		http.NotFound(w, r)
		return
	}

	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 450" width="600" height="450">`+
		`<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="hsl(%d 60%% 92%%)"/>`+
		`<stop offset="1" stop-color="hsl(%d 45%% 78%%)"/></linearGradient></defs><rect width="600" height="450" fill="url(#g)"/>`,
		hue, hue)
	for ring := range 5 {
		fmt.Fprintf(&svg, `<ellipse cx="%d" cy="%d" rx="%d" ry="%d" fill="hsl(%d %d%% %d%%)" opacity=".85"/>`,
			300+(shape*37*ring)%90-45, 250-ring*22, 170-ring*27, 120-ring*(14+shape%7),
			(hue+ring*7)%360, 35+ring*4, 70-ring*8)
	}
	// A browser takes a picture of few bytes for its size for a background, which is no content.
	for crumb := range 30 {
		fmt.Fprintf(&svg, `<circle cx="%d" cy="%d" r="2" fill="hsl(%d 40%% 60%%)" opacity=".5"/>`,
			(shape*53+crumb*97)%600, (shape*29+crumb*71)%450, hue)
	}
	svg.WriteString(`</svg>`)

	if r.URL.Query().Has("slow") {
		select {
		case <-time.After(slowPicture):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "max-age=600")
	fmt.Fprint(w, svg.String())
}
