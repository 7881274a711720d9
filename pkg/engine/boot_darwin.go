package engine

import "golang.org/x/sys/unix"

// bootID names this boot of the machine; empty where it cannot be told.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
