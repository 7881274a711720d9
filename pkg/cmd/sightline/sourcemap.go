package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

type sourcemapCmd struct {
	Upload sourcemapUploadCmd `cmd:"" help:"Upload all source maps of a folder for one release."`
}

type sourcemapUploadCmd struct {
	Dir     string `arg:"" help:"Folder of the build; all files that end in .map are uploaded." type:"existingdir"`
	App     string `help:"The app the maps are of." required:"" env:"SIGHTLINE_APP"`
	Release string `help:"The release, as the pages name it (meta.app.version)." required:"" env:"SIGHTLINE_RELEASE"`

	sidecarAt
}

func (*sourcemapUploadCmd) Help() string {
	return `
Stacks of errors are read with these maps when they are stored: upload before the release goes out. A map is found by the
path of its script: dist/js/main.js.map is for every script whose address ends in /js/main.js (or in /main.js, if main.js.map
lies at the top of the folder). The maps need not be reachable on the web, and better are not.

Example, after a build:
  sightline sourcemap upload dist --app shop --release 2.5.1 --to https://rum.example.com
`
}

func (c *sourcemapUploadCmd) Run(ctx context.Context) error {
	uploaded := 0
	err := filepath.WalkDir(c.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".map") {
			return err
		}
		name, err := filepath.Rel(c.Dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := c.send(ctx, http.MethodPut, c.address(filepath.ToSlash(name)), content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		uploaded++
		fmt.Printf("  %s (%d kB)\n", name, (len(content)+1023)/1024)
		return nil
	})
	if err != nil {
		return err
	}
	if uploaded == 0 {
		return fmt.Errorf("no file below %s ends in .map: does the build write source maps (esbuild --sourcemap, webpack devtool: "+
			"hidden-source-map)?", c.Dir)
	}
	fmt.Printf("uploaded: %d source maps of %s %s\n", uploaded, c.App, c.Release)
	return nil
}

func (c *sourcemapUploadCmd) address(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/sourcemaps/" + url.PathEscape(c.App) + "/" + url.PathEscape(c.Release) + "/" + strings.Join(parts, "/")
}
