package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A threat model whose tests were renamed or removed proves nothing.
func TestTheThreatModelNamesTestsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	files, err := filepath.Glob("../*/*_test.go")
	require.NoError(t, err)
	deeper, err := filepath.Glob("../*/*/*_test.go")
	require.NoError(t, err)
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, file := range append(files, deeper...) {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range declared.FindAllStringSubmatch(string(code), -1) {
			there[found[1]] = true
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 80)
	fuzzed := map[string]bool{}
	for _, name := range named {
		require.True(t, there[name[1]], "there is no %s", name[1])
		fuzzed[name[1]] = true
	}
	for name := range there {
		if name[:4] == "Fuzz" {
			require.True(t, fuzzed[name], "%s is not told of", name)
		}
	}
}
