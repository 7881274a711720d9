package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// Visitors' clocks are wrong by years; what they send stands at the time it came, or is refused, and shifts no other's.
func TestFaultVisitorsClocksJump(t *testing.T) {
	s := startSidecar(t)
	load := startPacedLoad(s, 4, 5*time.Millisecond)
	jumps := []time.Duration{0, time.Hour, -time.Hour, 30 * 24 * time.Hour, -30 * 24 * time.Hour, 40 * 365 * 24 * time.Hour,
		-50 * 365 * 24 * time.Hour}
	refused := 0
	for n := range long(70, 700) {
		at := time.Now().Add(jumps[n%len(jumps)]).UTC().Format(time.RFC3339)
		body := fmt.Sprintf(`{"meta":{"app":{"name":"clocks"},"session":{"id":"clock-%d"}},"events":[{"name":"x","timestamp":%q}]}`, n, at)
		answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
		require.NoError(t, err)
		answer.Body.Close()
		require.Contains(t, []int{http.StatusAccepted, http.StatusBadRequest}, answer.StatusCode)
		var said struct{ Rejected []any }
		_ = json.NewDecoder(answer.Body).Decode(&said)
		if answer.StatusCode == http.StatusBadRequest || len(said.Rejected) > 0 {
			refused++
		}
	}
	load.stop()
	s.waitDrained()
	require.Zero(t, s.number("SELECT count() FROM events WHERE abs(dateDiff('minute', ts, now())) > 70"), "a time nobody can have had")
	account(t, s, load, faults.Case{Order: 14, Fault: "visitors' clocks jump",
		How: "beacons whose times are off by an hour, a month, 40 and 50 years, beside good ones",
		Figures: fmt.Sprintf("%d older than 7 days refused, with the reason; the others stand at a time within an hour of their "+
			"arrival", refused)})
}

// jumpyClock replaces the wall clock of a Go program: it is off by each of these for two seconds, one after the other,
// counted from the program's start. Its monotonic clock, by which timers and time-outs run, goes on as the kernel's
// does when somebody sets the clock.
const jumpyClock = `func Now() Time {
	sec, nsec, mono := runtimeNow()
	jumps := [...]int64{0, 3600, -7200, 86400 * 3, -86400 * 2, 90, -90, 0}
	sec += jumps[int(mono-startNano)/2_000_000_000%len(jumps)]
`

// The clock of the sidecar's machine jumps. Nothing but the machine's owner can set that, so the sidecar is built with a
// wall clock of the test's own, by the Go command's -overlay; this compiles the standard library anew, which takes
// minutes, and so is left to the long form.
func TestFaultTheSidecarsClockJumps(t *testing.T) {
	if booksFile == "" {
		t.Skip("the standard library is compiled anew for this: run it with `FAULTS=SidecarsClock go tool mage faults`")
	}
	folder := t.TempDir()
	said, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	original := filepath.Join(strings.TrimSpace(string(said)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	require.NoError(t, err)
	const head = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	require.Equal(t, 1, strings.Count(string(text), head), "time.Now is another in this version of Go")
	replaced := filepath.Join(folder, "time.go")
	require.NoError(t, os.WriteFile(replaced, []byte(strings.Replace(string(text), head, jumpyClock, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600))
	program := filepath.Join(folder, "sightline")
	build := exec.Command("go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, "../cmd/sightline")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	usual := sightline
	sightline = program
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.start()
	sightline = usual
	s.waitReady()
	load := startPacedLoad(s, 4, 5*time.Millisecond)
	time.Sleep(45 * time.Second)
	load.stop()
	s.waitDrained()
	accountLoad(t, s, load, faults.Case{Order: 16, Fault: "the sidecar's clock jumps",
		How:     "the wall clock of sidecar and engine's process is off by an hour, −2 hours, 3 days, −2 days, ±90 s, every 2 s, for 45 s",
		Figures: "every beacon is answered; slowest acknowledgement " + load.slowest.Round(time.Millisecond).String()})
}
