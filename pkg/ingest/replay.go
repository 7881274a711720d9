package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sightline-rum/sightline/pkg/quarantine"
)

const formatReplay = "replay"

// replayAtMost is how many entries one request replays, so that it ends in time.
const replayAtMost = 5000

// Replay is the body of POST /v1/quarantine/replay: which entries, all of them if nothing is said.
type Replay struct {
	IDs    []string `json:"ids,omitempty"`
	App    string   `json:"app,omitempty"`
	Reason string   `json:"reason,omitempty"` // how the reason begins
	After  string   `json:"after,omitempty"`  // an earlier answer's last
}

// Matches says whether an entry is asked for.
func (r *Replay) Matches(e *quarantine.Entry) bool {
	return (len(r.IDs) == 0 || slices.Contains(r.IDs, e.ID)) && (r.App == "" || r.App == e.App) &&
		strings.HasPrefix(e.Reason, r.Reason) && e.ID > r.After
}

// Replayed is the answer: what went through this time and is in the quarantine no more, and what is still rejected.
type Replayed struct {
	Replayed int            `json:"replayed"`
	Rejected int            `json:"rejected"`
	Reasons  map[string]int `json:"reasons,omitempty"` // of those still rejected
	Left     int            `json:"left,omitempty"`    // not looked at yet: ask again, after the last
	Last     string         `json:"last,omitempty"`
}

// replays sends quarantined items through the pipeline again.
func (s *Server) replays(w http.ResponseWriter, r *http.Request) {
	asked, refused := s.readReplay(r)
	if refused == nil && s.quarantine == nil {
		refused = refuse(http.StatusNotFound, "path", "there is no quarantine here")
	}
	if refused != nil {
		s.answerRefusal(w, r, formatReplay, nil, refused)
		return
	}
	answer, err := s.replay(requestID(w), asked)
	if err != nil {
		s.complain(requestID(w), err)
		refused := refuse(http.StatusServiceUnavailable, "not kept", "the replay broke off and can be repeated: "+err.Error())
		refused.retryAfter = jittered(commitTimeout)
		s.answerRefusal(w, r, formatReplay, nil, refused)
		return
	}
	text, _ := json.Marshal(answer) // of numbers and texts
	s.metrics.requests.WithLabelValues(formatReplay, "200").Inc()
	writeJSON(w, http.StatusOK, text)
}

func (s *Server) readReplay(r *http.Request) (asked Replay, refused *refusal) {
	if refused := s.gateAdmin(r); refused != nil {
		return asked, refused
	}
	body := bodies.Get().(*bytes.Buffer)
	defer putBody(body)
	if err := readBody(r, body, 1<<20); err != nil {
		return asked, refuseBody(err)
	}
	if body.Len() > 0 {
		if err := json.Unmarshal(body.Bytes(), &asked); err != nil {
			return asked, refuse(http.StatusBadRequest, "undecodable", "the request is not valid JSON: "+err.Error())
		}
	}
	return asked, nil
}

// replay keeps what goes through before it is removed: a crash in between replays it twice rather than never.
func (s *Server) replay(request string, asked Replay) (answer Replayed, err error) {
	s.replaying.Lock()
	defer s.replaying.Unlock()
	entries, err := s.quarantine.List()
	if err != nil {
		return answer, err
	}
	gone := map[string]bool{}
	answer.Reasons = map[string]int{}
	looked := 0
	for i := range entries {
		e := &entries[i]
		if !asked.Matches(e) {
			continue
		}
		if looked++; looked > replayAtMost {
			answer.Left++
			continue
		}
		answer.Last = e.ID
		reason, failed := s.replayOne(request, e)
		if failed != nil {
			err = failed
			break
		}
		if reason != "" {
			answer.Rejected++
			short, _, _ := strings.Cut(reason, ":")
			answer.Reasons[short]++
			continue
		}
		gone[e.ID] = true
	}
	answer.Replayed = len(gone)
	if len(gone) > 0 {
		_, removing := s.quarantine.Remove(func(e *quarantine.Entry) bool { return gone[e.ID] })
		err = errors.Join(err, removing)
	}
	return answer, err
}

// replayOne sends one entry through the pipeline, at the time it was received. It returns why it is rejected still.
func (s *Server) replayOne(request string, e *quarantine.Entry) (reason string, err error) {
	f := formatNamed(e.Format)
	if f == nil || len(e.Payload) == 0 {
		return "not replayable: only the reason was kept", nil
	}
	reader := f.reader(s.limits, s.told)
	defer f.release(reader)
	d := reader.result()
	p := payload{body: e.Payload, query: e.Query, mediaType: "application/json", received: e.At.UnixMilli()}
	var form string
	if json.Unmarshal(e.Payload, &form) == nil {
		p.body = []byte(form)
	}
	d.reset(p.received, 0)
	if err := reader.decode(&p); err != nil {
		return err.Error(), nil
	}
	head := &http.Request{Header: http.Header{}, URL: &url.URL{}}
	head.Header.Set("User-Agent", e.UserAgent)
	head.Header.Set("X-Sightline-Synthetic", e.Synthetic)
	s.identify(d, &grant{app: e.App, environment: e.Environment}, head)
	for _, part := range d.parts {
		c := &part.beacon.Context
		c.UserKey, c.Country, c.Region = e.UserKey, e.Country, e.Region
	}
	if d.accepted == 0 {
		reason = "nothing in it can be used"
		if len(d.rejected) > 0 {
			reason = d.rejected[0].Reason
		}
		return reason, nil
	}
	d.request = request
	return "", s.keep(f, d)
}
