package agent

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

// ask gets a file as a browser would, with the headers given in pairs.
func ask(t *testing.T, name string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/"+name, nil)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	Handler(name)(w, r)
	return w.Result()
}

func body(t *testing.T, answer *http.Response) []byte {
	t.Helper()
	all, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return all
}

func TestAFileThatWasNotBuiltSaysHowToMakeIt(t *testing.T) {
	answer := ask(t, "nothing.js")
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	require.Contains(t, string(body(t, answer)), "npm run build:agent")
	require.Empty(t, answer.Header.Get("Cache-Control"), "it may be there a moment later")
}

func TestAFileIsServedPackedAndIsNotSentAgain(t *testing.T) {
	const name = "README.md" // is there without a build
	plain := ask(t, name)
	require.Equal(t, http.StatusOK, plain.StatusCode)
	require.Equal(t, "text/javascript; charset=utf-8", plain.Header.Get("Content-Type"))
	require.Equal(t, "cross-origin", plain.Header.Get("Cross-Origin-Resource-Policy"))
	require.Contains(t, plain.Header.Get("Cache-Control"), "max-age=3600")
	content := body(t, plain)

	packed := ask(t, name, "Accept-Encoding", "br, gzip")
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", packed.Header.Get("Vary"))
	reader, err := gzip.NewReader(bytes.NewReader(body(t, packed)))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, content, unpacked)

	require.Empty(t, ask(t, name, "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"))
	again := ask(t, name, "Accept-Encoding", "gzip", "If-None-Match", packed.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	require.Empty(t, body(t, again))
	require.Equal(t, http.StatusOK, ask(t, name, "If-None-Match", packed.Header.Get("ETag")).StatusCode,
		"packed and not are two things")
}
