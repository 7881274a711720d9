package licence

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck" // Google's own classifier for pkg.go.dev: small, no network, maintained
)

// Modules are the Go modules of which any package is in the programs, each with the licences that lie beside its code.
// It asks the go command, in the folder where the programs' paths hold.
func Modules(programs ...string) ([]Used, error) {
	listing := exec.Command("go", append([]string{"list", "-deps", "-json=Module"}, programs...)...)
	text, err := listing.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of %s: %w", strings.Join(programs, ", "), err)
	}
	type module struct {
		Path, Version, Dir string
		Main               bool
	}
	var all []Used
	seen := map[string]bool{}
	for decoder := json.NewDecoder(strings.NewReader(string(text))); ; {
		var listed struct{ Module *module }
		if err := decoder.Decode(&listed); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list the modules of %s: %w", strings.Join(programs, ", "), err)
		}
		m := listed.Module
		if m == nil || m.Main || seen[m.Path] {
			continue
		}
		seen[m.Path] = true
		licences, err := in(m.Dir)
		if err != nil {
			return nil, err
		}
		all = append(all, Used{Name: m.Path, Version: m.Version, Licences: licences})
	}
	slices.SortFunc(all, func(a, b Used) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([-._].*)?$`)

// coverage is how much of a file has to be licence, in percent, for it to be one: the rest are names and years.
const coverage = 75

// in are the licences in the top folder of a module, from files that are nothing else.
func in(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for a licence: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), ".go") || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("look for a licence: %w", err)
		}
		scanned := licensecheck.Scan(text)
		if scanned.Percent < coverage {
			found = append(found, "unknown terms in "+entry.Name())
			continue
		}
		for _, match := range scanned.Match {
			if !match.IsURL && !slices.Contains(found, match.ID) {
				found = append(found, match.ID)
			}
		}
	}
	return found, nil
}
