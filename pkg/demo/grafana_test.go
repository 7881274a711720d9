package demo

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const provisioning = "../../provisioning"

// openVariable is ${NAME}, unless the dollar sign is doubled: that one is for somebody after Grafana.
var openVariable = regexp.MustCompile(`(^|[^$])\$\{(\w+)\}`)

func TestTheDemoSetsEveryVariableThatProvisioningLeavesOpen(t *testing.T) {
	variables, err := (&Grafana{Dashboards: "../../src/dashboards", Tempo: "http://elsewhere:3200"}).variables()
	require.NoError(t, err)
	require.Contains(t, variables, "TEMPO_URL=http://elsewhere:3200")

	for _, name := range variablesIn(t, provisioning) {
		require.True(t, slices.ContainsFunc(variables, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }),
			"the demo does not set %s", name)
	}
}

// Grafana reads data sources file by file, in the order of their names, and stops at a correlation or a link whose target
// it does not have yet.
func TestWhatADataSourceLeadsToExistsBeforeIt(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(provisioning, "datasources", "*.yaml"))
	require.NoError(t, err)
	slices.Sort(files)
	known := map[string]bool{}
	linked := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct {
			Datasources []struct {
				UID          string         `yaml:"uid"`
				Type         string         `yaml:"type"`
				URL          string         `yaml:"url"`
				JSONData     map[string]any `yaml:"jsonData"`
				Correlations []struct {
					TargetUID   string `yaml:"targetUID"`
					Label       string `yaml:"label"`
					Description string `yaml:"description"`
					Config      struct {
						Type string `yaml:"type"`
					} `yaml:"config"`
				} `yaml:"correlations"`
			} `yaml:"datasources"`
		}
		require.NoError(t, yaml.Unmarshal(text, &file), name)
		for _, source := range file.Datasources {
			require.NotEmpty(t, source.UID, "a data source without a fixed uid cannot be linked to")
			known[source.UID] = true
			for key, value := range source.JSONData {
				if uid, ok := value.(string); ok && strings.HasSuffix(strings.ToLower(key), "uid") {
					linked[uid] = true
				}
				if settings, ok := value.(map[string]any); ok && settings["datasourceUid"] != nil {
					linked[settings["datasourceUid"].(string)] = true
				}
			}
			if source.Type == pluginID {
				require.Empty(t, source.URL, "Grafana's data proxy would let every viewer send SQL through a standard url")
			}
		}
		for _, source := range file.Datasources {
			for _, c := range source.Correlations {
				require.True(t, known[c.TargetUID], "%s: correlation to %q, which is not there yet", name, c.TargetUID)
				require.NotEmpty(t, c.Label, "Grafana 10.1 does not start without it")
				require.NotEmpty(t, c.Description, "Grafana 10.1 does not start without it")
				require.Equal(t, "query", c.Config.Type)
			}
		}
	}
	for uid := range linked {
		require.True(t, known[uid], "something links to the data source %q, which no file has", uid)
	}
	require.Subset(t, slices.Collect(maps.Keys(known)), []string{"sightline", "tempo", "loki", "prometheus"})
}

// variablesIn lists what the provisioning files leave to the environment.
func variablesIn(t *testing.T, folder string) []string {
	var names []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			for _, found := range openVariable.FindAllStringSubmatch(line, -1) {
				if !strings.HasPrefix(found[2], "__") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
					names = append(names, found[2])
				}
			}
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}
