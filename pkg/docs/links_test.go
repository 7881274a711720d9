package docs

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	pages := map[string]document{}
	all := documents(t)
	for _, d := range all {
		pages[d.path] = d
	}
	for _, d := range all {
		for _, link := range d.links {
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			target, wanted, _ := strings.Cut(link, "#")
			to := d.path
			if target != "" {
				to = path.Join(path.Dir(d.path), target)
			}
			if !exists(to) {
				t.Errorf("%s links to %s, which is not there", d.path, link)
				continue
			}
			if wanted == "" {
				continue
			}
			page, ok := pages[to]
			require.True(t, ok, "%s links to a part of %s, which is no page", d.path, to)
			if !slices.ContainsFunc(page.titles, func(title string) bool { return anchor(title) == wanted }) {
				t.Errorf("%s links to %s, and %s has no such heading", d.path, link, to)
			}
		}
	}
}

// A picture that no page shows is one that nobody will retake.
func TestEveryPictureIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, d := range documents(t) {
		for _, link := range d.links {
			shown[path.Join(path.Dir(d.path), link)] = true
		}
	}
	pictures, err := filepath.Glob(filepath.Join(root, "docs/img/*"))
	require.NoError(t, err)
	require.NotEmpty(t, pictures)
	for _, picture := range pictures {
		name := "docs/img/" + filepath.Base(picture)
		require.True(t, shown[name], "%s is on no page", name)
	}
}

// docs/README.md is the index: a page that it does not lead to is not found.
func TestTheIndexLeadsToEveryPage(t *testing.T) {
	index := read(t, "docs/README.md")
	entries, err := os.ReadDir(filepath.Join(root, "docs"))
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || name == "README.md" {
			continue
		}
		require.True(t, slices.ContainsFunc(index.links, func(link string) bool {
			target, _, _ := strings.Cut(link, "#")
			return target == name
		}), "docs/README.md does not lead to %s", name)
	}
}
