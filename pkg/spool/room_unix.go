//go:build unix

package spool

import "golang.org/x/sys/unix"

// FreeBytes is what a process without privileges may still write to the file system of a folder.
func FreeBytes(dir string) (uint64, error) {
	var info unix.Statfs_t
	if err := unix.Statfs(dir, &info); err != nil {
		return 0, err
	}
	return uint64(info.Bavail) * uint64(info.Bsize), nil
}
