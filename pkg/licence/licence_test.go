package licence

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatTheProgramsAreMadeOfMayBeGivenOn(t *testing.T) {
	modules, err := Modules("../", "../cmd/sightline")
	require.NoError(t, err)
	require.Greater(t, len(modules), 50)
	require.Empty(t, Refusals(modules))
	for _, lock := range []string{"../../package-lock.json", "../../src/e2e/grafana13/package-lock.json"} {
		packages, err := Packages(lock)
		require.NoError(t, err)
		require.Greater(t, len(packages), 50)
		require.Empty(t, Refusals(packages), lock)
	}
}

func TestALicenceThatIsNotAllowedIsNamed(t *testing.T) {
	for _, c := range []struct {
		licences []string
		want     string
	}{
		{[]string{"MIT"}, ""},
		{[]string{"MIT", "AGPL-3.0"}, "x@1 is under AGPL-3.0"},
		{nil, "x@1 has no licence that is known"},
	} {
		refused := Used{Name: "x", Version: "1", Licences: c.licences}.Refused()
		require.Contains(t, refused, c.want)
		require.Equal(t, c.want == "", refused == "")
	}
	require.Equal(t, []string{"MIT"}, expression("(GPL-2.0 OR MIT)"))
	require.Equal(t, []string{"MIT", "BSD-3-Clause"}, expression("MIT AND BSD-3-Clause"))
	require.Equal(t, []string{"GPL-3.0"}, expression("GPL-3.0 OR AGPL-3.0"))
}

func TestAFileWithOtherTermsIsNoLicence(t *testing.T) {
	folder := t.TempDir()
	ours, err := os.ReadFile("../../LICENSE")
	require.NoError(t, err)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("LICENSE", string(ours))
	write("licence.go", "package x")
	found, err := in(folder)
	require.NoError(t, err)
	require.Equal(t, []string{"Apache-2.0"}, found)
	write("COPYING", "Nobody may use this on a Sunday.")
	found, err = in(folder)
	require.NoError(t, err)
	require.Contains(t, found, "unknown terms in COPYING")
}
