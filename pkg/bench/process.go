package bench

import (
	"fmt"
	"os"
	"strings"
)

// CPUSeconds is the processor time that a process has used so far, in user and kernel mode, from Linux's /proc: clock
// ticks of 10 ms. On a busy machine it says more than a clock on the wall does.
func CPUSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time of process %d (only Linux tells it): %w", pid, err)
	}
	// The fields after the command's name, which may hold blanks and ends with the last bracket.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system float64
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the processor time of process %d: %q has too few fields", pid, text)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return (user + system) / 100, nil
}

// ResidentMB is the memory of a process that is in use now, and at most so far, in MB of 2^20 bytes.
func ResidentMB(pid int) (now, most float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory of process %d (only Linux tells it): %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var kilobytes float64
		switch name {
		case "VmRSS", "VmHWM":
			if _, err := fmt.Sscan(value, &kilobytes); err != nil {
				return 0, 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
			}
		}
		switch name {
		case "VmRSS":
			now = kilobytes / 1024
		case "VmHWM":
			most = kilobytes / 1024
		}
	}
	return now, most, nil
}
