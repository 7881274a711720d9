//go:build !race

package e2e

const (
	raced    = false
	mebibyte = 1 << 20
)
