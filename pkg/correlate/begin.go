package correlate

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/felixge/httpsnoop"
)

// whenItBegins calls tell once, just before an answer's headers go out, and returns what to answer to. finish tells of
// an answer that had no body. What w can do besides (flush, hijack, …) stays possible: httpsnoop keeps its interfaces.
func whenItBegins(w http.ResponseWriter, tell func(http.Header)) (told http.ResponseWriter, finish func()) {
	done := false
	finish = func() {
		if !done {
			done = true
			tell(w.Header())
		}
	}
	return httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(write httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				// 100 to 199 are hints that come before the answer, save for the switch to another protocol.
				if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
					finish()
				}
				write(status)
			}
		},
		Write: func(write httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(body []byte) (int, error) { finish(); return write(body) }
		},
		ReadFrom: func(read httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
			return func(body io.Reader) (int64, error) { finish(); return read(body) }
		},
		Flush: func(flush httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() { finish(); flush() }
		},
		Hijack: func(hijack httpsnoop.HijackFunc) httpsnoop.HijackFunc {
			return func() (net.Conn, *bufio.ReadWriter, error) { done = true; return hijack() }
		},
	}), finish
}
