package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// ask posts a statement as curl would and returns status, exception code and body.
func ask(t testing.TB, access engine.Access, login engine.Login, sql string, query url.Values) (int, string, string) {
	t.Helper()
	all := url.Values{"database": {access.Database}}
	for name, values := range query {
		all[name] = values
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+access.Address+"/?"+all.Encode(), strings.NewReader(sql))
	require.NoError(t, err)
	request.SetBasicAuth(login.User, login.Password)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header.Get("X-ClickHouse-Exception-Code"), string(body)
}

// askReader posts a body of unknown length; a status of 0 means that the request itself failed.
func askReader(t testing.TB, access engine.Access, login engine.Login, sql string, body io.Reader) (int, string,
	string) {
	t.Helper()
	query := url.Values{"database": {access.Database}, "query": {sql}}
	request, err := http.NewRequest(http.MethodPost, "http://"+access.Address+"/?"+query.Encode(), body)
	require.NoError(t, err)
	request.SetBasicAuth(login.User, login.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header.Get("X-ClickHouse-Exception-Code"), string(text)
}

// endlessRows yields rows of one number each and breaks off with an error after some.
type endlessRows struct{ at, until int }

func (r *endlessRows) Read(p []byte) (int, error) {
	if r.at >= r.until {
		return 0, errors.New("the client died")
	}
	r.at++
	return copy(p, strconv.Itoa(r.at)+"\n"), nil
}

// resident is a process's resident memory in bytes.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}
