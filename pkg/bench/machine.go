package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// Machine is what a figure depends on besides the code.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	Engine string  `json:"engine"`
	Commit string  `json:"commit"`
	Load   float64 `json:"load"` // the load average of a minute, before the part began

	Measured time.Time `json:"measured"`
}

// ThisMachine reads the facts of the machine; what a system does not tell is "unknown".
func ThisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.NumCPU(), Kernel: runtime.GOOS, Go: runtime.Version(),
		Engine: "libchdb " + engine.LibraryVersion, Commit: "unknown", Measured: time.Now().UTC().Truncate(time.Second)}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &m.Load)
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	return m
}

// String is the line above a part's tables.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s, commit %s, load average %.1f when it began, %s", m.CPU, m.Cores, m.Kernel,
		m.Go, m.Engine, m.Commit, m.Load, m.Measured.Format("2006-01-02 15:04 UTC"))
}
