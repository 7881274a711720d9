//go:build !linux && !darwin

package engine

// bootID is empty: it cannot be told here whether the machine went down.
func bootID() string { return "" }
