// Package docs holds the project's documentation to the project: what its pages link to and name exists. It has tests
// alone.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

const root = "../.."

// document is one page.
type document struct {
	path   string   // from the project's root
	source string   // all of it
	links  []string // of links and pictures, as written
	code   []string // blocks and spans
	shell  []string // those of them that may be command lines
	titles []string // headings, as text
}

// documents are all pages that people read. What a build or the plugin's own catalogue page holds is checked elsewhere.
func documents(t *testing.T) (all []document) {
	paths := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "packaging/INSTALL.md"}
	for _, folder := range []string{"docs", "packaging"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			relative, _ := filepath.Rel(root, path)
			if err == nil && filepath.Ext(path) == ".md" && relative != "packaging/INSTALL.md" {
				paths = append(paths, filepath.ToSlash(relative))
			}
			return err
		}))
	}
	for _, path := range paths {
		all = append(all, read(t, path))
	}
	return all
}

func read(t *testing.T, path string) document {
	source, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	d := document{path: path, source: string(source)}
	tree := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	require.NoError(t, ast.Walk(tree, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Link:
			d.links = append(d.links, string(node.Destination))
		case *ast.Image:
			d.links = append(d.links, string(node.Destination))
		case *ast.CodeSpan:
			d.code = append(d.code, words(node, source))
			d.shell = append(d.shell, words(node, source))
		case *ast.CodeBlock:
			d.code = append(d.code, string(node.Lines().Value(source)))
			d.shell = append(d.shell, string(node.Lines().Value(source)))
		case *ast.FencedCodeBlock:
			d.code = append(d.code, string(node.Lines().Value(source)))
			if string(node.Language(source)) == "sh" {
				d.shell = append(d.shell, string(node.Lines().Value(source)))
			}
		case *ast.Heading:
			d.titles = append(d.titles, words(node, source))
		}
		return ast.WalkContinue, nil
	}))
	return d
}

// words are the text of a node and of what is in it.
func words(node ast.Node, source []byte) string {
	var all strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if piece, ok := child.(*ast.Text); ok {
			all.Write(piece.Segment.Value(source))
			if piece.SoftLineBreak() {
				all.WriteByte(' ')
			}
			continue
		}
		all.WriteString(words(child, source))
	}
	return all.String()
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchor is what GitHub calls a heading.
func anchor(title string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}
