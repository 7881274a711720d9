package shop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// registerAPI adds what the pages fetch. Each call takes a believable time, so that requests have something to show.
func registerAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/recommendations/{id}", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 40*time.Millisecond)
		p, ok := ProductByID(r.PathValue("id"))
		if !ok {
			answer(w, http.StatusNotFound, map[string]string{"error": "no such product"})
			return
		}
		answer(w, http.StatusOK, InCategory(p.Category))
	})
	mux.HandleFunc("GET /api/search", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 60*time.Millisecond)
		answer(w, http.StatusOK, Matching(r.URL.Query().Get("q")))
	})
	mux.HandleFunc("POST /api/cart/items", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 25*time.Millisecond)
		answer(w, http.StatusCreated, map[string]string{"status": "added"})
	})
	mux.HandleFunc("GET /api/account/orders", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 80*time.Millisecond)
		answer(w, http.StatusOK, []string{})
	})
	mux.HandleFunc("POST /api/checkout/quote", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 90*time.Millisecond)
		answer(w, http.StatusOK, map[string]int{"shippingCents": 490})
	})
	mux.HandleFunc("POST /api/checkout/pay", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context(), 150*time.Millisecond)
		answer(w, http.StatusPaymentRequired, map[string]string{"error": "the demo takes no money"})
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// work passes the time a database would, unless the visitor leaves first.
func work(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]$`)

// timed adds Server-Timing to every answer that is not a static file: how long the server took, and the trace it
// belongs to, so that the browser can name the backend work behind what its user waited for.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace := randomHex(16)
		if m := traceparent.FindStringSubmatch(r.Header.Get("traceparent")); m != nil {
			trace = m[1]
		}
		next.ServeHTTP(&timedWriter{ResponseWriter: w, start: time.Now(), trace: trace}, r)
	})
}

type timedWriter struct {
	http.ResponseWriter
	start   time.Time
	trace   string
	started bool
}

func (w *timedWriter) WriteHeader(status int) {
	if !w.started {
		w.started = true
		w.Header().Set("Server-Timing", fmt.Sprintf(`app;dur=%.1f, traceparent;desc="00-%s-%s-01"`,
			float64(time.Since(w.start).Microseconds())/1000, w.trace, randomHex(8)))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *timedWriter) Write(b []byte) (int, error) {
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
