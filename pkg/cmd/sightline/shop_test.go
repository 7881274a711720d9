package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheShopAloneReportsToTheSidecarItIsGiven(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "faro.js")
	require.NoError(t, os.WriteFile(bundle, []byte("// the SDK"), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	data := t.TempDir()
	c := shopCmd{Listen: free.Addr().String(), Collector: "http://rum.example/collect/key", Bundle: bundle, Data: data}
	go func() { ended <- c.Run(ctx) }()

	var page string
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + c.Listen + "/")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		page = string(text)
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	require.Contains(t, page, `<script async crossorigin src="http://rum.example/agent.js"`)
	require.Contains(t, page, `data-key="key"`)

	stop()
	require.NoError(t, <-ended, "Ctrl-C is a quiet end")
	spans, err := os.ReadFile(filepath.Join(data, "backend", "spans.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(spans), `"GET /"`, "the page's span is kept before the end")
}

func TestTheShopAloneNeedsTheAddressOfACollector(t *testing.T) {
	require.ErrorContains(t, (&shopCmd{Collector: "http://rum.example/beacons"}).Run(t.Context()), "neither in /collect nor in")
}

func TestTheShopsHelpListsItsFaults(t *testing.T) {
	require.Contains(t, shopCmd{}.Help(), "slow-picture     the main picture comes 900 ms later")
}
