package enrich

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAUserAgentIsScrubbedTheSameHoweverOftenItComes(t *testing.T) {
	agents, err := newCleanAgents()
	require.NoError(t, err)
	for range 3 {
		for _, given := range []string{
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
			"Bot/1.2.3.4 (203.0.113.9; a@b.example)", "call +49 30 901820", "", "4111 1111 1111 1111",
			"a@b.example " + strings.Repeat("x", longestKnownAgent),
		} {
			require.Equal(t, CleanAgent(given), agents.clean(given))
		}
	}
}

func TestMadeUpUserAgentsAreForgotten(t *testing.T) {
	agents, err := newCleanAgents()
	require.NoError(t, err)
	for i := range 10_000 {
		agents.clean(fmt.Sprint("agent ", i))
		agents.clean(fmt.Sprint(i, strings.Repeat("y", longestKnownAgent)))
	}
	require.LessOrEqual(t, agents.known.Len(), 4096)
	for _, known := range agents.known.Keys() {
		require.LessOrEqual(t, len(known), longestKnownAgent)
	}
}

// BenchmarkUserAgent is what a user agent costs when every beacon's is looked through, and when it is remembered.
func BenchmarkUserAgent(b *testing.B) {
	agents, err := newCleanAgents()
	require.NoError(b, err)
	const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	for name, clean := range map[string]func(string) string{"looked-through": CleanAgent, "remembered": agents.clean} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if clean(chrome) != chrome {
					b.Fatal("masked")
				}
			}
		})
	}
}
