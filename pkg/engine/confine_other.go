//go:build !linux

package engine

import (
	"errors"
	"os"
)

// confineAndExec needs a kernel that lets a process confine itself, which only Linux does here.
func confineAndExec(confinement, *os.File, string, []string, []string) error {
	return errors.New("this system has no Landlock")
}
