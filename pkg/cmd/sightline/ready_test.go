package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadyFollowsTheAnswer(t *testing.T) {
	status := http.StatusOK
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the store is starting", status)
	}))
	ask := readyCmd{URL: service.URL + "/readyz", Timeout: time.Second}
	require.NoError(t, ask.Run(t.Context()))

	status = http.StatusServiceUnavailable
	require.ErrorContains(t, ask.Run(t.Context()), "503 Service Unavailable: the store is starting")

	service.Close()
	require.ErrorContains(t, ask.Run(t.Context()), "nothing answers")
}
