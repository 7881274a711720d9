//go:build !unix

package spool

import "errors"

// FreeBytes is known on Unix systems only.
func FreeBytes(string) (uint64, error) { return 0, errors.New("the free disk space is not known here") }
