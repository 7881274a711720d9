package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sidecar asks the running `sightline serve` how it is.
func (i *Inside) sidecar(ctx context.Context, r *Report) {
	address := i.AdminListen
	if address == "" {
		address = i.Listen
	}
	base := "http://" + reachable(address)
	status, _, err := get(ctx, base+"/healthz")
	if err != nil || status != http.StatusOK {
		r.warn("sidecar", base, "no sidecar answers here",
			"start it (sightline serve), or name its addresses with --listen and --admin-listen as serve has them")
		return
	}
	status, said, err := get(ctx, base+"/readyz")
	switch {
	case err != nil:
		r.problem("sidecar", base+"/readyz", err.Error(), "look at the sidecar's log")
	case status != http.StatusOK:
		r.problem("sidecar", base+"/readyz", "beacons are taken and not stored: "+strings.TrimSpace(said),
			"mend what it says; beacons wait in the spool meanwhile")
	default:
		r.ok("sidecar", base, "it runs and is ready")
	}
	_, text, err := get(ctx, base+"/metrics")
	if err != nil {
		return
	}
	metrics := readMetrics(text)
	if lag := metrics["sightline_spool_lag_seconds"]; lag > 60 {
		r.warn("sidecar", base, fmt.Sprintf("the oldest beacon has waited for the store for %s",
			time.Duration(lag)*time.Second),
			"the store is too slow or away: see what is said of it here, and the sidecar's log")
	}
	if refused, all := metrics[`sightline_requests_total{503}`], metrics[`sightline_requests_total`]; refused > 0 &&
		refused > all/100 {
		r.warn("sidecar", base, fmt.Sprintf("%.0f of %.0f beacons since its start were refused with 503", refused, all),
			"the spool was full, or the disk failed: the sidecar's log says which")
	}
}

// reachable is where a server that listens on an address can be asked.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	return answer.StatusCode, string(text), err
}

// readMetrics adds up each metric over its labels, and that of requests by status, too.
func readMetrics(text string) map[string]float64 {
	sums := map[string]float64{}
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		line := scanner.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			continue
		}
		name, labels, _ := strings.Cut(line[:space], "{")
		sums[name] += value
		if strings.Contains(labels, `status="503"`) {
			sums[name+"{503}"] += value
		}
	}
	return sums
}
