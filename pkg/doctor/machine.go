package doctor

import (
	"fmt"
	"time"
)

// neededFiles are enough for a thousand visitors at once; each connection takes one.
const neededFiles = 2048

// machine looks at what the machine itself gives: its clock, and how many connections a process may have.
func (i *Inside) machine(r *Report) {
	switch synchronised, known := clockSynchronised(); {
	case time.Now().Year() < 2025:
		r.problem("clock", "",
			"this machine's clock says "+time.Now().Format(time.RFC1123)+": every item seems to lie in the future",
			"set the clock: timedatectl set-ntp true, or start chrony")
	case known && !synchronised:
		r.warn("clock", "", "nothing keeps this machine's clock right: items' times are corrected against it",
			"timedatectl set-ntp true, or start chrony; in a container, on the host")
	case known:
		r.ok("clock", "", "the clock is kept right")
	}
	if files := openFiles(); files > 0 && files < neededFiles {
		r.warn("sidecar", "", fmt.Sprintf("a process may open %d files here, and each visitor's connection is one", files),
			"raise the limit of the service: LimitNOFILE=65536 in its unit, or ulimit -n 65536")
	}
}
