package engine

import "syscall"

// childAttributes has the kernel end a child whose parent died without closing it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
