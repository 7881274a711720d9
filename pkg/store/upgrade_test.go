package store

import (
	commandline "flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var freeze = commandline.Bool("freeze", false, "write the statements of the latest version to testdata/released: before a release")

// released are the versions of the tables that somebody may have, by their files: the statements as that version's
// program ran them.
func released(t *testing.T) map[int]string {
	t.Helper()
	if *freeze {
		all, err := Layout{}.migrations()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(releasedFile(LatestVersion()), []byte(statementsUpTo(all, LatestVersion())), 0o644))
	}
	files, err := filepath.Glob("testdata/released/[0-9]*.sql")
	require.NoError(t, err)
	texts := map[int]string{}
	for _, file := range files {
		var version int
		_, err := fmt.Sscanf(filepath.Base(file), "%04d.sql", &version)
		require.NoError(t, err, file)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts[version] = string(text)
	}
	require.Contains(t, texts, 2, "the first that stored anything")
	return texts
}

func releasedFile(version int) string { return fmt.Sprintf("testdata/released/%04d.sql", version) }

// statementsUpTo are the statements from nothing to a version, as `migrate --print` has them.
func statementsUpTo(all []migration, version int) string {
	var b strings.Builder
	add := func(statement string) { b.WriteString(statement + ";\n\n") }
	add(Layout{}.versionTable())
	for _, m := range all {
		if m.version <= version {
			for _, statement := range m.statements {
				add(statement)
			}
			add(Layout{}.record(m))
		}
	}
	return b.String()
}

// run runs the statements of a file.
func run(t *testing.T, s *Store, text string) {
	t.Helper()
	for statement := range strings.SplitSeq(text, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			require.NoError(t, s.Conn().Exec(t.Context(), statement), headline(statement))
		}
	}
}

// Who has run a migration will not run it again: what was released is added to and never changed.
func TestAReleasedMigrationIsNeverChanged(t *testing.T) {
	all, err := Layout{}.migrations()
	require.NoError(t, err)
	for version, text := range released(t) {
		require.Equal(t, text, statementsUpTo(all, version), "%s; add a migration instead", releasedFile(version))
	}
}

// Every released version is upgraded with rows in place, and is then the same as new tables that got the same rows.
func TestEveryReleasedVersionIsUpgradedWithItsRows(t *testing.T) {
	rows, err := os.ReadFile("testdata/released/rows.sql")
	require.NoError(t, err)
	fresh := migrated(t)
	run(t, fresh, string(rows))
	insertAged(t, fresh, aged("new", 0))

	for version, text := range released(t) {
		t.Run(fmt.Sprint("from version ", version), func(t *testing.T) {
			s := empty(t)
			require.NoError(t, s.createDatabase(t.Context()))
			run(t, s, text)
			run(t, s, string(rows))
			found, err := s.SchemaVersion(t.Context())
			require.NoError(t, err)
			require.Equal(t, version, found)
			require.NoError(t, s.Migrate(t.Context()))
			require.NoError(t, s.CheckSchema(t.Context()))
			insertAged(t, s, aged("new", 0)) // and is inserted into as any other

			const columns = `SELECT table, name, type, default_expression FROM system.columns WHERE database = currentDatabase()
				ORDER BY table, position`
			require.Equal(t, ask(t, fresh, columns), ask(t, s, columns))
			for _, e := range append(erasable, erasableOfApps...) {
				counts := "SELECT app, count() FROM " + e.table + " GROUP BY app ORDER BY app"
				require.Equal(t, ask(t, fresh, counts), ask(t, s, counts), e.table)
			}
			changes, err := s.RetentionChanges(t.Context(), Retention{})
			require.NoError(t, err)
			require.Empty(t, said(changes), "its rows are kept as long as those of new tables")
			require.NoError(t, s.EraseRows(t.Context(), Subject{App: "shop", Sessions: []string{"kept"}}))
			require.NoError(t, s.VerifyErased(t.Context(), Subject{App: "shop", Sessions: []string{"kept"}}))
		})
	}
}
