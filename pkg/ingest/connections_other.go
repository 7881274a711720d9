//go:build !unix

package ingest

// defaultConnections is well within what a process may open.
func defaultConnections() int { return 8000 }
