package release

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// manifest is what of plugin.json the catalogue looks at.
type manifest struct {
	ID         string `json:"id"`
	Executable string `json:"executable"`
	Info       struct {
		Description string   `json:"description"`
		Keywords    []string `json:"keywords"`
		Version     string   `json:"version"`
		Updated     string   `json:"updated"`
		Logos       struct {
			Small string `json:"small"`
			Large string `json:"large"`
		} `json:"logos"`
		Screenshots []struct {
			Name string `json:"name"`
			Path string `json:"path"`
		} `json:"screenshots"`
	} `json:"info"`
	Includes []struct {
		Path string `json:"path"`
	} `json:"includes"`
}

// Plugin zips the built plugin as the catalogue expects it, <id>-<version>.zip with one top folder named after the id, and
// returns the zip's path.
func Plugin(dist, out string, at time.Time) (string, error) {
	text, err := os.ReadFile(filepath.Join(dist, "plugin.json"))
	if err != nil {
		return "", fmt.Errorf("package the plugin: %w; build it first: go tool mage build", err)
	}
	var read manifest
	if err := json.Unmarshal(text, &read); err != nil {
		return "", fmt.Errorf("package the plugin: plugin.json: %w", err)
	}
	target := filepath.Join(out, read.ID+"-"+read.Info.Version+".zip")
	if err := writePlugin(target, os.DirFS(dist), read, entryTime(at)); err != nil {
		return "", fmt.Errorf("package the plugin: %w", err)
	}
	return target, nil
}

func writePlugin(target string, dist fs.FS, read manifest, at time.Time) (err error) {
	written, err := os.Create(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, written.Close()) }()
	archive := zip.NewWriter(written)
	err = fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		one := file{name: path.Join(read.ID, name), content: content, program: strings.HasPrefix(name, read.Executable)}
		header := &zip.FileHeader{Name: one.name, Method: zip.Deflate, Modified: at}
		header.SetMode(fs.FileMode(one.mode()))
		writer, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = writer.Write(one.content)
		return err
	})
	return errors.Join(err, archive.Close())
}

var (
	version = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	day     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

	// markdownLink is a link or an image. The catalogue shows the README on another host, where relative ones lead nowhere.
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)[^)]*\)`)
	absolute     = regexp.MustCompile(`^(https://|mailto:|#)`)
)

// CheckPlugin opens a plugin's zip and returns everything that the catalogue's validator, or a Grafana, would refuse.
func CheckPlugin(archive string, platforms []Platform) error {
	opened, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("check %s: %w", archive, err)
	}
	defer opened.Close()
	c := &pluginCheck{files: map[string]*zip.File{}}
	c.layout(opened.File)
	if text, ok := c.read("plugin.json"); ok {
		if err := json.Unmarshal(text, &c.manifest); err != nil {
			c.fail("plugin.json: %v", err)
		}
	}
	c.metadata()
	c.texts()
	c.programs(platforms)
	if len(c.wrong) > 0 {
		return fmt.Errorf("check %s:\n%w", archive, errors.Join(c.wrong...))
	}
	return nil
}

type pluginCheck struct {
	top      string
	files    map[string]*zip.File // by their name below the top folder
	manifest manifest
	wrong    []error
}

func (c *pluginCheck) fail(message string, arguments ...any) {
	c.wrong = append(c.wrong, fmt.Errorf("  "+message, arguments...))
}

// layout wants one top folder.
func (c *pluginCheck) layout(files []*zip.File) {
	for _, f := range files {
		top, rest, nested := strings.Cut(f.Name, "/")
		switch {
		case !nested:
			c.fail("%s lies outside of a top folder", f.Name)
		case c.top != "" && top != c.top:
			c.fail("there is more than one top folder: %s and %s", c.top, top)
		}
		c.top = top
		c.files[rest] = f
	}
}

func (c *pluginCheck) read(name string) ([]byte, bool) {
	f, ok := c.files[name]
	if !ok {
		c.fail("%s is missing", name)
		return nil, false
	}
	text, err := readAll(func() (io.ReadCloser, error) { return f.Open() })
	if err != nil {
		c.fail("%s: %v", name, err)
		return nil, false
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		c.fail("%s is empty", name)
	}
	return text, true
}

// metadata wants a plugin.json whose version and date are filled in and whose pictures and dashboards are there.
func (c *pluginCheck) metadata() {
	info := c.manifest.Info
	if c.manifest.ID == "" || c.top != c.manifest.ID {
		c.fail("the top folder is %q, not the plugin's id %q", c.top, c.manifest.ID)
	}
	if !version.MatchString(info.Version) {
		c.fail("plugin.json: version %q is no version", info.Version)
	}
	if !day.MatchString(info.Updated) {
		c.fail("plugin.json: updated %q is no date", info.Updated)
	}
	if info.Description == "" || len(info.Keywords) == 0 {
		c.fail("plugin.json: the catalogue finds plugins by description and keywords; one is missing")
	}
	if len(info.Screenshots) == 0 {
		c.fail("plugin.json: the catalogue shows screenshots; there is none")
	}
	named := []string{info.Logos.Small, info.Logos.Large}
	for _, screenshot := range info.Screenshots {
		named = append(named, screenshot.Path)
	}
	for _, include := range c.manifest.Includes {
		named = append(named, include.Path)
	}
	for _, name := range named {
		c.read(name)
	}
}

// texts wants what people and Grafana read beside plugin.json.
func (c *pluginCheck) texts() {
	c.read("module.js")
	c.read("module.js.map")
	c.read("LICENSE")
	c.read("go_plugin_build_manifest")
	if changes, ok := c.read("CHANGELOG.md"); ok && !strings.Contains(string(changes), "\n## "+c.manifest.Info.Version) {
		c.fail("CHANGELOG.md says nothing about %s", c.manifest.Info.Version)
	}
	if readme, ok := c.read("README.md"); ok {
		for _, link := range markdownLink.FindAllStringSubmatch(string(readme), -1) {
			if !absolute.MatchString(link[1]) {
				c.fail("README.md: %s leads nowhere in the catalogue", link[1])
			}
		}
	}
}

// programs wants one program a platform, and no other.
func (c *pluginCheck) programs(platforms []Platform) {
	var wanted []string
	for _, platform := range platforms {
		name := platform.Executable(c.manifest.Executable)
		wanted = append(wanted, name)
		program, ok := c.read(name)
		if !ok {
			continue
		}
		if mode := c.files[name].Mode().Perm(); mode != 0o755 {
			c.fail("%s has permissions %o; the catalogue wants 755", name, mode)
		}
		if err := builtFor(program, platform); err != nil {
			c.fail("%s %v", name, err)
		}
	}
	for name := range c.files {
		if strings.HasPrefix(path.Base(name), "gpx_") && !slices.Contains(wanted, name) {
			c.fail("%s does not belong here", name)
		}
	}
}
