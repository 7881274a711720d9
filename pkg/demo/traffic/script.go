package traffic

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Script is a scripted checkout, as synthetic monitoring runs one: it asks the real shop for its pages and its API over
// HTTP and reports each step as the SDK would, marked as synthetic. It says whether the servers do their part, and
// nothing about what a browser makes of the pages: a fault that only some browsers have does not show in it, which is
// why real users are measured as well.
type Script struct {
	Shop    string // the shop's address, http://host:port
	Collect string // the sidecar's /collect
	App     string
	Environ string        // "" means "production"
	Release string        // "" means the simulated incident's
	Rest    time.Duration // between two steps; steps of one millisecond have no order
}

// scriptName is the tool that runs the script, beside the simulated one that only looks at pages.
const scriptName = "scripted-checkout"

// scriptTimeout is how long the shop may take for a step before the run has failed.
const scriptTimeout = 10 * time.Second

// Every runs the checkout at once and then again and again, until the context ends. A run that fails is reported to the
// sidecar as far as it came, and is no reason to stop.
func (s *Script) Every(ctx context.Context, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		_ = s.Run(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Run is one checkout: the basket, the checkout with its quote, and paying. It ends at the first step that fails, having
// reported the steps before it and the failure.
func (s *Script) Run(ctx context.Context) error {
	run := &scriptRun{Script: s, session: "script-" + rand.Text(), client: &http.Client{Timeout: scriptTimeout}}
	defer run.client.CloseIdleConnections()
	failed := run.steps(ctx)
	if failed != nil {
		run.body.Exceptions = append(run.body.Exceptions, exception{Type: "ScriptFailed", Value: failed.Error(),
			Timestamp: iso(time.Now())})
	}
	return errors.Join(failed, run.report(ctx))
}

// scriptRun is one run while it happens. Everything is reported at its end, in one beacon for each page.
type scriptRun struct {
	*Script
	session string
	client  *http.Client
	page    string
	body    payload
}

func (r *scriptRun) steps(ctx context.Context) error {
	for _, page := range []string{"/cart", "/checkout"} {
		if err := r.open(ctx, page); err != nil {
			return err
		}
	}
	if _, err := r.call(ctx, "/api/checkout/quote", http.StatusOK); err != nil {
		return err
	}
	// The demo takes no money: that it asks for some is as far as a payment gets.
	paid, err := r.call(ctx, "/api/checkout/pay", http.StatusPaymentRequired)
	if err != nil {
		return err
	}
	r.acted("pay", paid.began, paid.ended)
	r.acted("order-placed", paid.ended.Add(time.Millisecond), paid.ended.Add(2*time.Millisecond))
	return nil
}

// exchange is one request with its answer.
type exchange struct {
	began, ended time.Time
	firstByte    time.Time
	size         int
}

func (e exchange) millis() float64 { return float64(e.ended.Sub(e.began)) / float64(time.Millisecond) }
func (e exchange) wait() float64 {
	return float64(e.firstByte.Sub(e.began)) / float64(time.Millisecond)
}

func (r *scriptRun) ask(ctx context.Context, method, path string, want int) (e exchange, err error) {
	pause(ctx, r.Rest)
	request, err := http.NewRequestWithContext(ctx, method, r.Shop+path, nil)
	if err != nil {
		return e, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("User-Agent", probe.userAgent)
	e.began = time.Now()
	answer, err := r.client.Do(request)
	if err != nil {
		return e, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer answer.Body.Close()
	e.firstByte = time.Now()
	read, err := io.Copy(io.Discard, answer.Body)
	e.ended, e.size = time.Now(), int(read)
	if err != nil {
		return e, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode != want {
		return e, fmt.Errorf("%s %s: the shop answered %s, the script expects %d", method, path, answer.Status, want)
	}
	return e, nil
}

// open asks for a page and reports it as a view. What was gathered on the page before is sent first: a beacon is of one
// page.
func (r *scriptRun) open(ctx context.Context, path string) error {
	e, err := r.ask(ctx, http.MethodGet, path, http.StatusOK)
	if err != nil {
		return err
	}
	if err := r.report(ctx); err != nil {
		return err
	}
	r.page = path
	attributes := timing{
		url: r.Shop + path, initiator: "navigation", wait: e.wait(), response: e.millis() - e.wait(), duration: e.millis(),
		status: http.StatusOK, encoded: e.size, decoded: e.size, visible: true, protocol: "http/1.1",
	}.attributes()
	attributes["type"] = "navigate"
	attributes["faroNavigationId"] = r.viewID()
	r.body.Events = append(r.body.Events, event{Name: "faro.performance.navigation", Domain: "browser",
		Timestamp: iso(e.began), Attributes: attributes})
	return nil
}

func (r *scriptRun) viewID() string { return r.session + r.page }

func (r *scriptRun) call(ctx context.Context, path string, want int) (exchange, error) {
	e, err := r.ask(ctx, http.MethodPost, path, want)
	if err != nil {
		return e, err
	}
	attributes := timing{
		url: r.Shop + path, initiator: "fetch", wait: e.wait(), response: e.millis() - e.wait(), duration: e.millis(),
		status: want, encoded: e.size, decoded: e.size, visible: true, protocol: "http/1.1",
	}.attributes()
	attributes["faroNavigationId"], attributes["faroResourceId"] = r.viewID(), rand.Text()
	r.body.Events = append(r.body.Events, event{Name: "faro.performance.resource", Domain: "browser",
		Timestamp: iso(e.began), Attributes: attributes})
	return e, nil
}

func (r *scriptRun) acted(name string, began, ended time.Time) {
	r.body.Events = append(r.body.Events, event{Name: "faro.user.action", Domain: "browser", Timestamp: iso(began),
		Action: &action{ID: rand.Text(), Name: name}, Attributes: map[string]string{
			"userActionName": name, "userActionStartTime": whole(float64(ms(began))),
			"userActionEndTime": whole(float64(ms(ended))), "userActionDuration": whole(float64(ended.Sub(began).Milliseconds())),
			"userActionTrigger": "faroApiCall", "userActionImportance": "normal",
		}})
}

// report sends what has gathered, if anything.
func (r *scriptRun) report(ctx context.Context) error {
	if len(r.body.Events)+len(r.body.Exceptions) == 0 {
		return nil
	}
	r.body.Meta = meta{
		SDK: metaSDK{Name: "faro-web", Version: sdkVersion},
		App: metaApp{Name: r.App, Version: or(r.Release, releaseBroken), Environment: or(r.Environ, "production")},
		Browser: metaBrowser{Name: probe.browser, Version: probe.version, OS: probe.osName, UserAgent: probe.userAgent,
			Brands: brandList(probe.brands)},
		OS:      metaOS{Name: probe.osName},
		Page:    metaPage{URL: r.Shop + r.page},
		Session: metaSession{ID: r.session, Attributes: map[string]string{"synthetic": scriptName}, Overrides: map[string]string{}},
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return fmt.Errorf("report the scripted run: %w", err)
	}
	r.body = payload{}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Collect, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("report the scripted run: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", probe.userAgent)
	request.Header.Set("Origin", r.Shop)
	request.Header.Set(SyntheticHeader, scriptName)
	answer, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("report the scripted run: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return fmt.Errorf("report the scripted run: the sidecar answered %s: %s", answer.Status, said)
	}
	return nil
}
