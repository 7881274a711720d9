//go:build race

package e2e

// raced builds the programs under test with the race detector, as the tests are: a race ends the program that has it.
const raced = true

// mebibyte is what bounds of memory are counted in. The detector takes five to ten times as much.
const mebibyte = 10 << 20
