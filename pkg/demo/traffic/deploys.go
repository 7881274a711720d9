package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ErrNoAdmin is a sidecar that takes deploy markers only with its admin token.
var ErrNoAdmin = errors.New("the sidecar wants its admin token")

// SendDeploys records deploy markers with the sidecar that takes beacons at the given /collect address.
func SendDeploys(ctx context.Context, collectURL string, deploys []Deploy) error {
	address, err := url.Parse(collectURL)
	if err != nil {
		return fmt.Errorf("record deploys: %w", err)
	}
	address.Path = "/v1/deploys"
	for _, d := range deploys {
		body, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("record deploy %s: %w", d.Release, err)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("record deploy %s: %w", d.Release, err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("record deploy %s: %w", d.Release, err)
		}
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		response.Body.Close()
		if response.StatusCode == http.StatusUnauthorized {
			return fmt.Errorf("record deploy %s: %w", d.Release, ErrNoAdmin)
		}
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("record deploy %s: the sidecar answered %s: %s", d.Release, response.Status,
				bytes.TrimSpace(answer))
		}
	}
	return nil
}
