package backend

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sightline-rum/sightline/pkg/demo/shop"
)

// registerAPI adds what the pages fetch. Each call takes a believable time, so that requests have something to show.
func (b *Backend) registerAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/catalogue", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT products", 35*time.Millisecond)
		if slug := r.URL.Query().Get("category"); slug != "" {
			answer(w, http.StatusOK, shop.InCategory(slug))
			return
		}
		answer(w, http.StatusOK, shop.Products)
	})
	mux.HandleFunc("GET /api/recommendations/{id}", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT recommendations", 40*time.Millisecond)
		p, ok := shop.ProductByID(r.PathValue("id"))
		if !ok {
			answer(w, http.StatusNotFound, map[string]string{"error": "no such product"})
			return
		}
		answer(w, http.StatusOK, shop.InCategory(p.Category))
	})
	mux.HandleFunc("GET /api/search", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT products", 60*time.Millisecond)
		answer(w, http.StatusOK, shop.Matching(r.URL.Query().Get("q")))
	})
	mux.HandleFunc("POST /api/cart/items", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "INSERT cart_items", 25*time.Millisecond)
		answer(w, http.StatusCreated, map[string]string{"status": "added"})
	})
	mux.HandleFunc("POST /api/cart/voucher", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT vouchers", 30*time.Millisecond)
		answer(w, http.StatusGone, map[string]string{"error": "used before"})
	})
	mux.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		// Whoever asks is let in; nothing that was typed is sent here, let alone kept.
		b.query(r.Context(), "SELECT customers", 110*time.Millisecond)
		answer(w, http.StatusOK, map[string]string{"status": "welcome"})
	})
	mux.HandleFunc("GET /api/account/orders", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT orders", 80*time.Millisecond)
		answer(w, http.StatusOK, []string{})
	})
	mux.HandleFunc("GET /api/account/addresses/{name}", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT addresses", 45*time.Millisecond)
		street, ok := map[string]string{"home": "3 Mill Lane", "work": "11 Harbour Street"}[r.PathValue("name")]
		if !ok {
			answer(w, http.StatusNotFound, map[string]string{"error": "no such address"})
			return
		}
		answer(w, http.StatusOK, map[string]string{"street": street})
	})
	mux.HandleFunc("POST /api/checkout/quote", func(w http.ResponseWriter, r *http.Request) {
		b.query(r.Context(), "SELECT shipping_rates", 90*time.Millisecond)
		answer(w, http.StatusOK, map[string]int{"shippingCents": 490})
	})
	mux.HandleFunc("POST /api/checkout/pay", b.checkout)
}

// order is what the checkout sends: product ids, and how it is paid.
type order struct {
	Items  []string `json:"items"`
	Method string   `json:"method"`
}

func (b *Backend) checkout(w http.ResponseWriter, r *http.Request) {
	var wanted order
	// A script that only knocks sends no order: that is one by wallet, for nothing.
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&wanted); err != nil && !errors.Is(err, io.EOF) {
		answer(w, http.StatusBadRequest, map[string]string{"error": "no order in the request: " + err.Error()})
		return
	}
	if wanted.Method == "" {
		wanted.Method = Wallet
	}
	if !slices.Contains([]string{Wallet, Card, Invoice, GiftCard}, wanted.Method) {
		answer(w, http.StatusBadRequest, map[string]string{"error": "no such way to pay"})
		return
	}
	cents := 490
	for _, id := range wanted.Items {
		if product, ok := shop.ProductByID(id); ok {
			cents += product.Cents
		}
	}
	b.query(r.Context(), "SELECT stock", 30*time.Millisecond)
	status, err := b.pay(r.Context(), charge{Method: wanted.Method, Cents: cents})
	switch {
	case err != nil:
		b.shop.logger.ErrorContext(r.Context(), "Payment service not reached", "error", err)
		answer(w, http.StatusBadGateway, map[string]string{"error": "the payment service does not answer"})
	case status == http.StatusPaymentRequired:
		answer(w, status, map[string]string{"error": "the demo takes no money"})
	case status != http.StatusOK:
		b.shop.logger.ErrorContext(r.Context(), "Order not paid", "method", wanted.Method, "payment", status)
		answer(w, http.StatusBadGateway, map[string]string{"error": "the payment failed"})
	default:
		b.query(r.Context(), "INSERT orders", 20*time.Millisecond)
		b.shop.logger.InfoContext(r.Context(), "Order placed", "method", wanted.Method, "cents", cents)
		answer(w, http.StatusOK, map[string]string{"status": "ordered"})
	}
}

// query takes the time that the database would, as a span of its own.
func (b *Backend) query(ctx context.Context, summary string, took time.Duration) {
	ctx, span := b.shop.tracer.Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.query.summary", summary), attribute.String("db.system.name", "postgresql")))
	defer span.End()
	work(ctx, took)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
