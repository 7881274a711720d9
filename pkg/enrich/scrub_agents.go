package enrich

import (
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// cleanAgents remembers user agent strings as they are after scrubbing. Nearly all of them show signs of a card's and of
// a telephone's number, whose rules take longer than all else that is done with a small beacon; and a site's users share
// a few hundred strings. What came in is kept in memory alone, and only among the last few thousand.
type cleanAgents struct {
	known *lru.Cache[string, string]
}

// longestKnownAgent bounds what strings that clients make up can take of the memory, to 2 MiB.
const longestKnownAgent = 512

func newCleanAgents() (*cleanAgents, error) {
	known, err := lru.New[string, string](4096)
	if err != nil {
		return nil, fmt.Errorf("scrubbed user agents: %w", err)
	}
	return &cleanAgents{known: known}, nil
}

// clean is CleanAgent.
func (a *cleanAgents) clean(userAgent string) string {
	if len(userAgent) > longestKnownAgent {
		return CleanAgent(userAgent)
	}
	if clean, known := a.known.Get(userAgent); known {
		return clean
	}
	// A copy, as the string is a piece of a beacon's larger chunk, which would stay as long as the piece.
	userAgent = strings.Clone(userAgent)
	clean := CleanAgent(userAgent)
	a.known.Add(userAgent, clean)
	return clean
}
