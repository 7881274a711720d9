package enrich

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
)

// crawlersText is the list of the package crawler-user-agents, a pattern a line. Its test writes it anew with -update.
//
//go:embed crawlers.txt
var crawlersText string

// crawlers are the parts of user agent strings that only crawlers, libraries and link checkers have. Nearly all are
// plain words, which are found without a regular expression.
var crawlers = sync.OnceValue(func() (list struct {
	words    []string
	patterns []*regexp.Regexp
}) {
	for line := range strings.Lines(crawlersText) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		pattern := regexp.MustCompile(line)
		if word, whole := pattern.LiteralPrefix(); whole {
			list.words = append(list.words, word)
		} else {
			list.patterns = append(list.patterns, pattern)
		}
	}
	return list
})

// crawls says whether a user agent string is one of a crawler.
func crawls(userAgent string) bool {
	list := crawlers()
	for _, word := range list.words {
		if strings.Contains(userAgent, word) {
			return true
		}
	}
	for _, pattern := range list.patterns {
		if pattern.MatchString(userAgent) {
			return true
		}
	}
	return false
}
