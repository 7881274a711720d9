//go:build unix

package ingest

import "golang.org/x/sys/unix"

// mostConnections is the default where the process may open more: each costs about 20 kB.
const mostConnections = 20_000

// keptFiles are for the spool, the store and the logs.
const keptFiles = 256

// defaultConnections leaves some of the files that the process may open to everything else. Go has raised the limit to
// the hard one already.
func defaultConnections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return mostConnections
	}
	files := int(min(uint64(limit.Cur), mostConnections+keptFiles))
	return max(files-keptFiles, files/2)
}
