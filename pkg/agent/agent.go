// Package agent holds the browser agent's script, which the sidecar serves to the pages it measures.
package agent

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// built is what `npm run build:agent` makes. A program that was built without it works, and says what is missing when
// it is asked for the script.
//
//go:embed all:built
var built embed.FS

// Files are what Handler serves: the script for a tag, and the same as a module.
var Files = []string{"agent.js", "agent.mjs"}

// maxAge is how long a browser takes its copy without asking: a new agent is everywhere an hour after its sidecar.
const maxAge = time.Hour

// file is one script as it is sent.
type file struct {
	plain, packed []byte
	tag           string
}

// Handler serves the file of a name, packed where the browser takes that. Browsers ask again after an hour, and are told
// by the tag whether it has changed.
func Handler(name string) http.HandlerFunc {
	f, err := load(name)
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		// Pages of every origin may load it, those that are isolated from other origins too.
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Del("Access-Control-Allow-Credentials")
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, "// %s is not in this program: run `npm run build:agent`, then build it again.\n", name)
			return
		}
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, stale-while-revalidate=86400", int(maxAge.Seconds())))
		content, tag := f.plain, f.tag
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			content, tag = f.packed, f.tag+"-gzip"
		}
		h.Set("ETag", `"`+tag+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func load(name string) (*file, error) {
	plain, err := built.ReadFile("built/" + name)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(plain)
	return &file{plain: plain, packed: packed.Bytes(), tag: hex.EncodeToString(sum[:8])}, nil
}

// takesGzip reads Accept-Encoding as far as browsers and proxies use it; "gzip;q=0" is a refusal.
func takesGzip(r *http.Request) bool {
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.0") || strings.Trim(weight, "q=.0") != ""
		}
	}
	return false
}
