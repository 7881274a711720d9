package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// bodies are reused; one that grew large is left to the garbage collector.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const largeBody = 256 << 10

func putBody(b *bytes.Buffer) {
	if b.Cap() <= largeBody {
		b.Reset()
		bodies.Put(b)
	}
}

var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// errTooLarge is a body beyond the limit, however small it was packed.
var errTooLarge = errors.New("the body is too large")

// readBody reads and unpacks a body into a buffer. The limit is counted on the unpacked bytes as they come, so a body
// that unpacks to gigabytes costs no more than the limit.
func readBody(r *http.Request, into *bytes.Buffer, limit int64) error {
	var body io.Reader = r.Body
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unpacker := unpackers.Get().(*gzip.Reader)
		defer unpackers.Put(unpacker)
		if err := unpacker.Reset(r.Body); err != nil {
			return fmt.Errorf("the body is not gzip: %w", err)
		}
		body = unpacker
	}
	n, err := into.ReadFrom(io.LimitReader(body, limit+1))
	switch {
	case n > limit:
		return errTooLarge
	case err != nil:
		return fmt.Errorf("the body could not be read: %w", err)
	}
	return nil
}

// refuseBody is the refusal of a body that readBody failed on.
func refuseBody(err error) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too large", err.Error())
	case errors.Is(err, errSlow):
		return refuse(http.StatusRequestTimeout, "too slow", err.Error()+"; send it again over a better connection")
	}
	return refuse(http.StatusBadRequest, "unreadable", err.Error())
}

// drainLimit is how much of a refused body is still read: a browser that is cut off while it sends sees a network
// error instead of the answer, and a client that sends on for longer has lost its claim to one.
const drainLimit = 16 << 20

func drain(r *http.Request) {
	if r.Header.Get("Expect") != "" { // it waits to be told that its body is wanted
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, drainLimit)
}

// isJSON says whether a media type may hold JSON: application/json and its relatives, the text/plain that browsers
// force on requests without a preflight, or nothing said at all.
func isJSON(mediaType string) bool {
	return mediaType == "" || mediaType == "application/json" || mediaType == "text/plain" || strings.HasSuffix(mediaType, "+json")
}

func knownEncoding(r *http.Request) bool {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity", "gzip", "x-gzip":
		return true
	}
	return false
}
