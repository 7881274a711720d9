package query

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Tempo is where the traces themselves are, to be asked whether it has them. Grafana lets no data source reach another
// through it, so this is an address of its own that the plugin can reach without a login.
type Tempo struct {
	URL  string // http://tempo:3200; empty: Tempo is not asked
	Days int    // how long it keeps traces; 0 is Tempo's own default
}

// tempoDays is what Tempo keeps unless it is configured otherwise (compactor.compaction.block_retention, 336 h).
const tempoDays = 14

// What asking Tempo may cost one answer.
const (
	tempoMost    = 20 // traces, the first of the answer
	tempoAtOnce  = 5
	tempoTimeout = 3 * time.Second // for all of them together
)

var tempoClient = &http.Client{
	// A redirect leads where nobody configured.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askTempo gives a reason to the traces that Tempo does not have. What it cannot say is left as it was, with a notice.
func (q *question) askTempo(ctx context.Context, rows []traceRow) []data.Notice {
	if q.tempo.URL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tempoTimeout)
	defer cancel()
	ids, more := tracesToAsk(rows)
	had, failure := q.tempo.has(ctx, ids)
	for i := range rows {
		r := &rows[i]
		if found, asked := had[r.trace]; r.reason != "" || !asked || found {
			continue
		}
		r.reason = reasonNotInTempo
		if r.at != nil && time.Since(*r.at) > q.tempo.retention() {
			r.reason = reasonExpired
		}
	}
	var notices []data.Notice
	if failure != nil {
		notices = append(notices, data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"Whether Tempo has these traces is not known: %v. Check the data source's Tempo address.", failure)})
	}
	if more {
		notices = append(notices, info("Tempo was asked for the first %d traces only.", tempoMost))
	}
	return notices
}

// tracesToAsk are the first of those that should be there, each once.
func tracesToAsk(rows []traceRow) (ids []string, more bool) {
	seen := map[string]bool{}
	for _, r := range rows {
		if r.trace == "" || r.reason != "" || seen[r.trace] {
			continue
		}
		if seen[r.trace] = true; len(ids) == tempoMost {
			return ids, true
		}
		ids = append(ids, r.trace)
	}
	return ids, false
}

func (t Tempo) retention() time.Duration {
	days := t.Days
	if days <= 0 {
		days = tempoDays
	}
	return time.Duration(days) * 24 * time.Hour
}

// has asks for each trace whether it is there. The failure is the first, when any could not be asked.
func (t Tempo) has(ctx context.Context, ids []string) (map[string]bool, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	had, places := map[string]bool{}, make(chan struct{}, tempoAtOnce)
	var failure error
	for _, id := range ids {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found, err := t.hasOne(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				had[id] = found
			case failure == nil:
				failure = err
			}
		})
	}
	all.Wait()
	return had, failure
}

// hasOne reads no more of the answer than its status.
func (t Tempo) hasOne(ctx context.Context, id string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(t.URL, "/")+"/api/traces/"+id, nil)
	if err != nil {
		return false, fmt.Errorf("asking Tempo: %w", err)
	}
	request.Header.Set("Accept", "application/protobuf")
	answer, err := tempoClient.Do(request)
	if err != nil {
		return false, fmt.Errorf("asking Tempo: %w", err)
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, fmt.Errorf("asking Tempo: it answered %s", answer.Status)
}
