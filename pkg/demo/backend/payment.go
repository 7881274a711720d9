package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
)

// The ways to pay. Each shows something else.
const (
	Wallet   = "wallet"    // the demo takes no money: 402, and release 2.5.0 of the page fails on it
	Card     = "card"      // works
	Invoice  = "invoice"   // works, after a credit check that takes its time
	GiftCard = "gift-card" // the payment service answers 500
)

// paymentTimeout is how long the shop waits for the payment service.
const paymentTimeout = 30 * time.Second

// charge is what the shop asks of the payment service.
type charge struct {
	Method string `json:"method"`
	Cents  int    `json:"cents"`
}

// paymentHandler is the payment service.
func (b *Backend) paymentHandler() http.Handler {
	ledger := newPool(b.payment, b.metrics)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges", func(w http.ResponseWriter, r *http.Request) {
		var wanted charge
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&wanted); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "no charge in the request: " + err.Error()})
			return
		}
		giveBack, err := ledger.take(r.Context())
		if err != nil {
			answer(w, http.StatusServiceUnavailable, map[string]string{"error": "no ledger connection in time"})
			return
		}
		defer giveBack()
		status, said := b.settle(r.Context(), wanted)
		answer(w, status, said)
	})
	return b.payment.traced(b.metrics.measured(PaymentService, b.payment.logger, mux))
}

// settle is one payment, with what goes wrong in it.
func (b *Backend) settle(ctx context.Context, wanted charge) (status int, said map[string]string) {
	ctx, span := b.payment.step(ctx, "settle", attribute.String("payment.method", wanted.Method),
		attribute.Int("payment.cents", wanted.Cents))
	defer span.End()
	if wanted.Method == Invoice || happens(b.faults.SlowPayments) {
		checked, check := b.payment.step(ctx, "credit check", attribute.String("peer.service", "bank"))
		b.payment.logger.WarnContext(checked, "The bank takes its time", "method", wanted.Method)
		work(checked, b.faults.SlowBy)
		check.End()
	}
	if wanted.Method == GiftCard || happens(b.faults.FailingPayments) {
		err := fmt.Errorf("ledger of %ss is read-only", wanted.Method)
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
		b.payment.logger.ErrorContext(ctx, "Payment failed", "error", err)
		return http.StatusInternalServerError, map[string]string{"error": err.Error()}
	}
	booked, entry := b.payment.step(ctx, "write ledger entry")
	work(booked, 60*time.Millisecond)
	entry.End()
	if wanted.Method == Wallet {
		return http.StatusPaymentRequired, map[string]string{"error": "the demo takes no money"}
	}
	b.payment.logger.InfoContext(ctx, "Paid", "method", wanted.Method, "cents", wanted.Cents)
	return http.StatusOK, map[string]string{"status": "paid"}
}

// pay asks the payment service.
func (b *Backend) pay(ctx context.Context, wanted charge) (status int, err error) {
	body, err := json.Marshal(wanted)
	if err != nil {
		return 0, fmt.Errorf("ask for a payment: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.charges, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("ask for a payment: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := b.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask for a payment: %w", err)
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
