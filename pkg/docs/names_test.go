package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/ingest"
)

// sources are all texts of the project but its documentation.
var sources = sync.OnceValue(func() string {
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains([]string{"node_modules", ".git", "dist", "bin", "data", "release", "testdata"}, entry.Name()) ||
				path == filepath.Join(root, "pkg/docs") {
				return filepath.SkipDir
			}
			return nil
		case !slices.Contains(written, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		panic(err)
	}
	return all.String()
})

// written are the endings of files that people write, and the Dockerfile's, which is none.
var written = []string{"", ".go", ".ts", ".tsx", ".mts", ".mjs", ".json", ".yaml", ".sql", ".sh", ".conf", ".env", ".service"}

// named are what a pattern finds in the code of all pages, with a page that has it.
func named(t *testing.T, pattern string) map[string]string {
	found := map[string]string{}
	for _, d := range documents(t) {
		for _, code := range d.code {
			for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(code, -1) {
				found[match[len(match)-1]] = d.path
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestEveryTestThatIsNamedExists(t *testing.T) {
	code := sources()
	for test, page := range named(t, `\b((?:Test|Benchmark|Fuzz)[A-Z]\w+)\b`) {
		// What -run takes may be the beginning of several names.
		if !strings.Contains(code, "func "+test) {
			t.Errorf("%s names %s, which is no test", page, test)
		}
	}
}

func TestEveryFileOfTheProjectThatIsNamedExists(t *testing.T) {
	made := []string{"docker/secrets", "docker/secrets/grafana_admin_password"} // by `go tool mage secrets`
	for file, page := range named(t, `(?:^|[\s('"]|[\s'"]\./)((?:pkg|src|docs|docker|packaging|provisioning|webpack)/[\w./-]*\w)`) {
		if !exists(file) && !slices.Contains(made, file) {
			t.Errorf("%s names %s, which is not there", page, file)
		}
	}
}

// A metric may be named by its family, or by one of the series of a histogram.
func TestEveryMetricThatIsNamedExists(t *testing.T) {
	for metric, page := range named(t, `\b(sightline_[a-z_]+[a-z])\b`) {
		family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric, "")
		if !strings.Contains(sources(), family) {
			t.Errorf("%s names %s, which is no metric", page, metric)
		}
	}
}

func TestEveryKeyOfTheConfigurationThatIsNamedExists(t *testing.T) {
	sections := []string{"limits", "region", "source_maps", "budgets", "apps", "stores", "retention"}
	pattern := `(?:^|\s)((?:` + strings.Join(sections, "|") + `)\.[\w.\[\]-]+[\w\]])(?:$|[\s:,])`
	for key, page := range named(t, pattern) {
		if page == "docs/decisions.md" {
			continue // tells of keys that are no more
		}
		path := strings.Split(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(key, ".0"), ".")
		if !hasKey(reflect.TypeFor[ingest.Config](), path) {
			t.Errorf("%s names the key %s, which the configuration does not have", page, key)
		}
	}
}

// hasKey follows a key through sections, maps and lists.
func hasKey(kind reflect.Type, path []string) bool {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if len(path) == 0 {
		return true
	}
	switch kind.Kind() {
	case reflect.Map, reflect.Slice:
		if kind.Kind() == reflect.Slice && path[0] != "0" {
			return hasKey(kind.Elem(), path) // "apps.NAME.keys.rate" for the rate of any key
		}
		return hasKey(kind.Elem(), path[1:])
	case reflect.Struct:
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("yaml"), ",")
			if name == path[0] {
				return hasKey(kind.Field(i).Type, path[1:])
			}
			if kind.Field(i).Anonymous && hasKey(kind.Field(i).Type, path) {
				return true
			}
		}
	}
	return false
}

func TestEveryVariableThatIsNamedExists(t *testing.T) {
	chosen := named(t, `--password-env (SIGHTLINE_\w+)`) // names that the reader gives
	for variable, page := range named(t, `\b(SIGHTLINE_[A-Z][A-Z0-9_]*[A-Z0-9])\b`) {
		if chosen[variable] == "" && !strings.Contains(sources(), variable) && !isOverride(variable) {
			t.Errorf("%s names %s, which nothing reads", page, variable)
		}
	}
}

// isOverride says whether a variable is a key of the configuration, as the sidecar itself reads it.
func isOverride(variable string) bool {
	for _, value := range []string{"1", "text", "[]", "true"} {
		if _, err := ingest.ReadConfig("", []string{variable + "=" + value}, nil); err == nil {
			continue
		} else if !strings.Contains(err.Error(), "no such key") && !strings.Contains(err.Error(), "unknown") {
			return true
		}
	}
	config, err := ingest.ReadConfig("", []string{variable + "=7"}, nil)
	return err == nil && !reflect.DeepEqual(config, ingest.Config{})
}
