package licence

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// read are npm packages whose package.json does not say what the file beside it does.
var read = map[string]string{
	"fast-shallow-equal": "Unlicense", "react-universal-interface": "Unlicense", "stackframe": "Unlicense",
	"rc-time-picker": "MIT", "rc-trigger": "MIT", "sort-asc": "MIT", "sort-desc": "MIT", "sort-object": "MIT",
}

// tools are npm packages that only build and test, and whose terms are of no matter because nothing of them is given on:
// the table of browsers that bundlers read, under CC-BY-4.0, and three without terms that @grafana/ui or
// @grafana/plugin-e2e bring along.
var tools = []string{"caniuse-lite", "@mapbox/jsonlint-lines-primitives", "component-indexof", "get-document"}

// Packages are the packages of a package-lock.json, with the licence that each says of itself. Nearly all of them are for
// building and testing; what people are given is the browser agent and the plugin's frontend.
func Packages(lock string) ([]Used, error) {
	text, err := os.ReadFile(lock)
	if err != nil {
		return nil, fmt.Errorf("list the npm packages: %w", err)
	}
	var locked struct {
		Packages map[string]struct{ Version, License string }
	}
	if err := json.Unmarshal(text, &locked); err != nil {
		return nil, fmt.Errorf("list the npm packages: %s: %w", lock, err)
	}
	var all []Used
	for path, p := range locked.Packages {
		if path == "" {
			continue // the project itself
		}
		name := path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):]
		if slices.Contains(tools, name) {
			continue
		}
		used := Used{Name: name, Version: p.Version}
		said := p.License
		if of, known := read[name]; known {
			said = of
		}
		if said != "" {
			used.Licences = expression(said)
		}
		all = append(all, used)
	}
	slices.SortFunc(all, func(a, b Used) int { return strings.Compare(a.Name+a.Version, b.Name+b.Version) })
	return all, nil
}
