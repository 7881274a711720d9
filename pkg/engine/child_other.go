//go:build !linux

package engine

import "syscall"

// childAttributes keeps a terminal's signals from the child, which is stopped through its supervisor. That the parent
// has died is learnt from the pipe at the child's standard input alone.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
