package doctor

import "golang.org/x/sys/unix"

// clockSynchronised asks the kernel, which every time service tells.
func clockSynchronised() (synchronised, known bool) {
	var status unix.Timex
	if _, err := unix.Adjtimex(&status); err != nil {
		return false, false
	}
	return status.Status&unix.STA_UNSYNC == 0, true
}

// openFiles is how many files a process of this user may open.
func openFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Max // a Go program raises its own limit to this
}
