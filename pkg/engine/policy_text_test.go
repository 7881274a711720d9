package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextIsSearchedWhateverSurroundsAName(t *testing.T) {
	for text, found := range map[string]string{
		"SELECT file('x')":                                            "file",
		"SELECT 'file'":                                               "file",
		"SELECT 1 -- file":                                            "",
		"SELECT 1 -- file\n, file('x')":                               "file",
		"SELECT '--', file('x')":                                      "file",
		"SELECT '\\'', file('x')":                                     "file",
		"SELECT profile, file_name, filed FROM t":                     "",
		"SELECT `f\\x69le`('x')":                                      "file",
		"SELECT 'f\\\\x69le'":                                         "file",
		"SELECT eval('x')":                                            "eval()",
		"SELECT eval FROM t":                                          "",
		"SELECT * FROM values/* x */ ('a UInt8', 1)":                  "values()",
		"SELECT x IS NULL, ifNull(x, 1)":                              "",
		"SELECT 1 SETTINGS format_template_row = 'x'":                 "format_template_row",
		"SELECT 1 SETTINGS Additional_Table_Filters = {}":             "additional_table_filters",
		"INSERT INTO t VALUES (1), (2)":                               "",
		"INSERT INTO t VALUES ((SELECT a FROM values('a UInt8', 1)))": "values()",
		"INSERT INTO t FROM INFILE 'x'":                               "FROM INFILE",
		"CREATE TABLE t (a UInt8) ENGINE = Foreign":                   "the engine foreign",
		"CREATE TABLE t (a UInt8) ENGINE=MergeTree":                   "",
		"CREATE TABLE t (a UInt8) SETTINGS disk = disk(type = web)":   "disk()",
	} {
		require.Equal(t, found, hiddenAccess(text, classWrite, allowedEngines), text)
	}
}

func TestDistributedTablesAreRefusedUnlessTheEngineIsToldOtherwise(t *testing.T) {
	const text = "CREATE TABLE t AS l ENGINE = Distributed(main, currentDatabase(), l)"
	require.Equal(t, "the engine distributed", hiddenAccess(text, classWrite, allowedEngines))
	require.Empty(t, hiddenAccess(text, classWrite, distributedToo))
	require.Equal(t, "the engine url", hiddenAccess("CREATE TABLE t ENGINE = URL('x')", classWrite, distributedToo))
}

// FuzzHiddenAccess checks that no text around a refused name hides it.
func FuzzHiddenAccess(f *testing.F) {
	for _, text := range []string{"SELECT ", "'", "/*", "--\n", "\\", "‘", "$a$", "`", "# x\n", "// '\n"} {
		f.Add(text, "('/etc/passwd')")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		found := hiddenAccess(before+" \n+file+ "+after, classRead, allowedEngines)
		// A plain text's line comments are the one thing that is left out.
		if found == "" && (!isPlain(before+after) || !strings.Contains(before, "--")) {
			t.Fatalf("not found in %q … %q", before, after)
		}
	})
}

func TestAnInsertIsSplitFromItsData(t *testing.T) {
	for text, want := range map[string][3]string{
		"INSERT INTO t FORMAT Native\n\x01\x02":                {"INSERT INTO t", "Native", "\x01\x02"},
		"insert into `a b`.`t` (x, y) format JSONEachRow {}":   {"insert into `a b`.`t` (x, y)", "JSONEachRow", "{}"},
		"INSERT INTO t (`format`) FORMAT CSV\r\n1":             {"INSERT INTO t (`format`)", "CSV", "1"},
		"INSERT INTO t SETTINGS a = 'FORMAT' FORMAT CSV\n\n1":  {"INSERT INTO t SETTINGS a = 'FORMAT'", "CSV", "\n1"},
		"/* FORMAT */ INSERT INTO t -- FORMAT\nFORMAT TSV;\nx": {"/* FORMAT */ INSERT INTO t -- FORMAT", "TSV", "x"},
		"INSERT INTO t FORMAT CSV":                             {"INSERT INTO t", "CSV", ""},
	} {
		head, ok := splitInsert(text)
		require.True(t, ok, text)
		require.Equal(t, want, [3]string{head.statement, head.format, text[head.data:]}, text)
	}
	for _, text := range []string{
		"", "SELECT 1 FORMAT CSV", "INSERT INTO t VALUES (1)", "INSERT INTO t SELECT 1 FORMAT CSV",
		"INSERT INTO t FORMAT Values (1)",
		"INSERT INTO t (a) WITH 1 AS x SELECT x", "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
		"INSERT INTO t FORMAT", "INSERT", "'INSERT",
	} {
		_, ok := splitInsert(text)
		require.False(t, ok, text)
	}
}

// FuzzSplitInsert checks that the parts always lie in the text and that the data is what follows the format.
func FuzzSplitInsert(f *testing.F) {
	f.Add("INSERT INTO t (a) FORMAT Native\n\x01")
	f.Add("INSERT INTO t /* ( */ FORMAT 'x")
	f.Add("insert into \"t\\")
	f.Fuzz(func(t *testing.T, text string) {
		head, ok := splitInsert(text)
		if !ok {
			return
		}
		inText := head.data >= 0 && head.data <= len(text) && strings.HasPrefix(strings.TrimSpace(text), head.statement)
		if !inText || head.format == "" {
			t.Fatalf("%q split into %+v", text, head)
		}
	})
}

func TestExceptionsAreReadFromTheEnginesTexts(t *testing.T) {
	for text, code := range map[string]int{
		"Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)": 60,
		"Code: 1002. Whatever":          1002,
		"Something else":                codeUnknownException,
		"Code: 99999999999999999999. x": codeUnknownException,
	} {
		exception := parseException(text)
		require.Equal(t, code, exception.Code)
		require.Contains(t, exception.Message, strings.TrimSuffix(text, "."))
	}
}

func TestAReadersLimitsAreLoweredToTheCaps(t *testing.T) {
	caps := limits{seconds: 300, memoryBytes: 1 << 30}
	for given, want := range map[string]string{"": "60", "10": "10", "0.5": "0.5", "0": "300", "-1": "300", "1e9": "300"} {
		query := map[string][]string{"final": {"1"}}
		if given != "" {
			query["max_execution_time"] = []string{given}
		}
		settings, err := requestSettings(roleReader, query, caps)
		require.NoError(t, err)
		require.Equal(t, []setting{
			{"final", "1"}, {"max_execution_time", want}, {"max_memory_usage", "1073741824"}, {"readonly", "1"},
		}, settings)
	}
	for _, bad := range []string{"x", "NaN", "Inf", "1 --readonly=0", "1'"} {
		_, err := requestSettings(roleReader, map[string][]string{"max_execution_time": {bad}}, caps)
		require.Error(t, err, bad)
	}
}
