package ingest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The log and a dead letter can only lead back to a request whose record says which it was.
func TestAnAnswerNamesItsRequestAsTheRecordOnDiskDoes(t *testing.T) {
	s := start(t, "")
	const beacon = `{"meta":{"app":{"name":"shop"},"session":{"id":"s"}},"events":[{"name":"x"}]}`
	theirs := map[string]string{"X-Request-Id": "jane@example.com"}
	taken := s.do(call{body: beacon, header: theirs})
	require.Equal(t, http.StatusAccepted, taken.status)
	id := taken.header.Get("X-Request-Id")
	require.Regexp(t, `^[a-z2-7]{8}-[0-9a-z]+$`, id, "never what a client says")

	batch, err := s.spool.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, batch.Records, 1)
	var record rum.Record
	_, err = record.UnmarshalMsg(batch.Records[0])
	require.NoError(t, err)
	require.Equal(t, id, record.Request)

	seen := map[string]bool{id: true}
	for _, refused := range []call{{body: beacon, path: "/nowhere"}, {body: "{"}, {method: http.MethodPut}} {
		answer := s.do(refused)
		require.GreaterOrEqual(t, answer.status, 400)
		named := answer.header.Get("X-Request-Id")
		require.NotEmpty(t, named, "a refusal has one, too")
		require.False(t, seen[named], "and no two the same")
		seen[named] = true
	}
}
