package demo

import (
	"os/exec"
	"syscall"
)

// terminate asks a program to end.
const terminate = syscall.SIGTERM

// detach gives the program a group of its own: Ctrl-C at the terminal then reaches the demo alone, which stops its
// programs in the right order. Should the demo be killed, the kernel ends them.
func detach(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: terminate}
}
