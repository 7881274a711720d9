package engine_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// escapes are attempts to reach something outside the store, written for a reader and a writer alike.
func escapes(secret string) []string {
	return []string{
		// The function that reads files, and ways to hide its name.
		"SELECT file('" + secret + "')",
		"SELECT FiLe('" + secret + "')",
		"SELECT file ('" + secret + "')",
		"SELECT file/**/('" + secret + "')",
		"SELECT file/* ' */('" + secret + "') /* ' */",
		"SELECT file -- (\n('" + secret + "')",
		"SELECT file // (\n('" + secret + "')",
		"SELECT file\u00a0('" + secret + "')",
		"SELECT file\u3000('" + secret + "')",
		"SELECT `file`('" + secret + "')",
		`SELECT "file"('` + secret + `')`,
		"SELECT `fi\\x6ce`('" + secret + "')",
		`SELECT "\x66ile"('` + secret + `')`,
		"SELECT ‘ ' ’, file('" + secret + "'), ‘ ' ’",
		"SELECT 1 −− ' \n, file('" + secret + "') −− '",
		"SELECT 1 # ' \n, file('" + secret + "') # '",
		"SELECT $a$ ' $a$, file('" + secret + "'), $a$ ' $a$",
		"/* /* */ ' */ SELECT file('" + secret + "') /* ' */",
		"SELECT arrayMap(file, ['" + secret + "'])",
		"SELECT arrayMap(x -> file(x), ['" + secret + "'])",
		"SELECT * APPLY(file) FROM (SELECT '" + secret + "')",
		"SELECT * APPLY file FROM (SELECT '" + secret + "')",
		"WITH (SELECT file('" + secret + "')) AS x SELECT x",
		"SELECT 1 UNION ALL SELECT length(file('" + secret + "'))",
		"EXPLAIN actions = 1 SELECT file('" + secret + "')",
		"EXPLAIN SYNTAX SELECT file('" + secret + "')",
		"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('" + secret + "')))",
		"SELECT * FROM view(SELECT file('" + secret + "'))",
		"SELECT b FROM values('a UInt8, b String ALIAS file(\\'" + secret + "\\')', 1)",
		"SELECT b FROM values(concat('a UInt8, b String ALIAS fi', 'le(\\'" + secret + "\\')'), 1)",
		"SELECT b FROM `v\\x61lues`(concat('a UInt8, b String ALIAS fi', 'le(\\'" + secret + "\\')'), 1)",
		"SELECT b FROM generateRandom(concat('a UInt8, b String ALIAS fi', 'le(\\'" + secret + "\\')')) LIMIT 1",
		"SELECT b FROM null(concat('a UInt8, b String ALIAS fi', 'le(\\'" + secret + "\\')'))",
		"SELECT b FROM format(JSONEachRow, concat('b String DEFAULT fi', 'le(\\'" + secret + "\\')'), '{}')",
		"SELECT * FROM eval(concat('SELECT fi', 'le(\\'" +
			secret + "\\')')) SETTINGS allow_experimental_eval_table_function = 1",
		// Table functions.
		"SELECT * FROM file('" + secret + "', 'LineAsString')",
		"SELECT * FROM `" + secret + "`",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM (SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString'))",
		"SELECT 1 WHERE 1 IN (SELECT a FROM url('http://127.0.0.1:1/', 'CSV', 'a UInt8'))",
		"SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM remote('127.0.0.1', system.one)",
		"SELECT * FROM remoteSecure('127.0.0.1', system.one)",
		"SELECT * FROM cluster('default', system.one)",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
		"SELECT * FROM gcs('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
		"SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')",
		"SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM executable('id', 'TabSeparated', 'a String')",
		"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a String')",
		"SELECT * FROM redis('127.0.0.1:1', 'k', 'k String, v String')",
		"SELECT * FROM sqlite('" + secret + "', 't')",
		"SELECT * FROM odbc('a', 'b', 'c')",
		"SELECT * FROM jdbc('a', 'b', 'c')",
		"SELECT * FROM icebergLocal('/tmp')",
		"SELECT * FROM deltaLakeLocal('/tmp')",
		"SELECT * FROM filesystem('/etc')",
		"DESCRIBE TABLE file('" + secret + "', 'LineAsString')",
		"DESCRIBE TABLE url('http://127.0.0.1:1/', 'CSV')",
		// Output to files.
		"SELECT 1 INTO OUTFILE '/tmp/sightline-escape'",
		"select 1 into/**/outfile '/tmp/sightline-escape'",
		"SHOW TABLES INTO OUTFILE '/tmp/sightline-escape'",
		"EXPLAIN SELECT 1 INTO OUTFILE '/tmp/sightline-escape'",
		"(SELECT 1) INTO OUTFILE '/tmp/sightline-escape' FORMAT CSV",
		"INSERT INTO FUNCTION file('/tmp/sightline-escape', 'CSV', 'a UInt8') SELECT 1",
		// The session, the server, the users.
		"SET readonly = 0",
		"SET max_memory_usage = 0",
		"SET ROLE writer",
		"SET ROLE ALL",
		"SET DEFAULT ROLE writer TO default",
		"EXECUTE AS default SELECT 1",
		"USE system",
		"SYSTEM SHUTDOWN",
		"SYSTEM FLUSH LOGS",
		"SYSTEM STOP MERGES",
		"system/**/reload config",
		"KILL QUERY WHERE 1",
		"BACKUP TABLE t TO File('/tmp/sightline-escape')",
		"RESTORE TABLE t FROM File('/tmp/sightline-escape')",
		"ATTACH TABLE t FROM '/etc' (a UInt8) ENGINE = MergeTree ORDER BY a",
		"DETACH TABLE t",
		"CREATE USER x",
		"CREATE ROLE x",
		"GRANT ALL ON *.* TO default",
		"CREATE FUNCTION f AS x -> x",
		"CREATE NAMED COLLECTION n AS a = 1",
		"CREATE WORKLOAD w",
		"CREATE TEMPORARY TABLE t (a UInt8)",
		"BEGIN TRANSACTION",
		"INSERT INTO system.settings SELECT * FROM system.settings",
		// More than one statement.
		"SELECT 1; SELECT 2",
		"SELECT 1; DROP DATABASE sightline",
		"SELECT 1 PARALLEL WITH SELECT 2",
	}
}

func TestNoStatementReachesOutsideTheStore(t *testing.T) {
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("swordfish"), 0o644))
	for _, user := range []engine.Login{shared.Writer, shared.Reader} {
		for _, sql := range escapes(secret) {
			t.Run(user.User+"/"+sql, func(t *testing.T) {
				status, code, body := ask(t, shared, user, sql, nil)
				require.NotEqual(t, 200, status, body)
				require.NotEmpty(t, code)
				require.NotContains(t, body, "swordfish")
			})
		}
	}
	require.NoFileExists(t, "/tmp/sightline-escape")
}

func TestAWriterCannotStoreAnEscapeForLater(t *testing.T) {
	ctx := context.Background()
	require.NoError(t, writer(t).Exec(ctx, "CREATE TABLE lasting (a UInt8, b String) ENGINE = MergeTree ORDER BY a"))
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("1,swordfish\n"), 0o644))
	for _, sql := range []string{
		"INSERT INTO lasting FROM INFILE '" + secret + "' FORMAT CSV",
		"INSERT INTO lasting FROM/**/INFILE '" + secret + "' FORMAT CSV",
		"INSERT INTO lasting FROM INFILE '" + secret + "' COMPRESSION 'none' FORMAT CSV",
		"INSERT INTO lasting VALUES (1, file('" + secret + "'))",
		"INSERT INTO lasting VALUES (1, (SELECT b FROM values(concat('a UInt8, b String ALIAS fi', 'le(\\'" +
			secret + "\\')'), 1)))",
		"INSERT INTO lasting SELECT 1, file('" + secret + "')",
		"INSERT INTO lasting SELECT * FROM input(concat('a UInt8, b String DEFAULT fi', 'le(\\'" +
			secret + "\\')')) FORMAT CSV\n1,x",
		"ALTER TABLE lasting UPDATE b = file('" + secret + "') WHERE 1",
		"ALTER TABLE lasting ADD COLUMN c String DEFAULT file('" + secret + "')",
		"ALTER TABLE lasting FREEZE",
		"ALTER TABLE lasting FETCH PARTITION tuple() FROM '/x'",
		"DELETE FROM lasting WHERE file('" + secret + "') != ''",
		"CREATE TABLE lasting_1 (a UInt8, b String DEFAULT file('" + secret + "')) ENGINE = MergeTree ORDER BY a",
		"CREATE TABLE lasting_2 (a String) ENGINE = File('LineAsString')",
		"CREATE TABLE lasting_2 (a String) ENGINE=/**/URL('http://127.0.0.1:1/', 'LineAsString')",
		"CREATE TABLE lasting_2 (a String) ENGINE S3('http://127.0.0.1:1/bucket/key', 'CSV')",
		"CREATE TABLE lasting_2 (a String) ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"CREATE TABLE lasting_2 (a String) ENGINE = Distributed('default', 'a', 'b')",
		"CREATE TABLE lasting_2 (a String) ENGINE = Executable('x', 'TSV')",
		"CREATE TABLE lasting_2 (a String) ENGINE = `Execut\\x61ble`('x', 'TSV')",
		"CREATE TABLE lasting_2 (query String) ENGINE = QueryRunner",
		"CREATE TABLE lasting_2 (a String) ENGINE = Kafka('a', 'b', 'c', 'd')",
		"CREATE TABLE lasting_2 (a String) ENGINE = SQLite('" + secret + "', 't')",
		"CREATE TABLE lasting_2 (a String) ENGINE = FileLog('/etc', 'LineAsString')",
		"CREATE TABLE lasting_2 (a String) ENGINE = EmbeddedRocksDB(0, '/tmp/sightline-escape') PRIMARY KEY a",
		"CREATE TABLE lasting_2 (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://127.0.0.1:1/')",
		"CREATE TABLE lasting_2 (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/tmp/')",
		"CREATE TABLE lasting_2 AS url('http://127.0.0.1:1/', 'CSV', 'a UInt8')",
		"CREATE VIEW lasting_3 AS SELECT * FROM file('" + secret + "', 'LineAsString')",
		"CREATE MATERIALIZED VIEW lasting_3 ENGINE = File('CSV') AS SELECT a FROM lasting",
		"CREATE VIEW lasting_3 SQL SECURITY NONE AS SELECT 1",
		"CREATE DICTIONARY lasting_4 (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(path '" +
			secret + "' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE DICTIONARY lasting_4 (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id' format 'TSV')) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE DICTIONARY lasting_4 (a UInt64, b String) PRIMARY KEY a SOURCE(HTTP(url 'http://127.0.0.1:1/' format 'TSV')) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE DATABASE lasting_5 ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')",
		"CREATE DATABASE lasting_5 ENGINE = Filesystem('/etc')",
		"SELECT 1 FORMAT Template SETTINGS format_template_resultset = '" + secret + "'",
		"SELECT 1 SETTINGS additional_result_filter = 'x'",
		"DROP TABLE lasting PARALLEL WITH DROP TABLE lasting_1",
	} {
		t.Run(sql, func(t *testing.T) {
			status, code, body := ask(t, shared, shared.Writer, sql, nil)
			require.NotEqual(t, 200, status, body)
			require.NotEmpty(t, code)
			require.NotContains(t, body, "swordfish")
		})
	}
	status, _, body := ask(t, shared, shared.Writer, "SELECT count() FROM lasting", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "0\n", body)
}

func TestAReaderCannotWriteOrLiftItsLimits(t *testing.T) {
	ctx := context.Background()
	require.NoError(t, writer(t).Exec(ctx, "CREATE TABLE guarded (a UInt8) ENGINE = MergeTree ORDER BY a"))
	for _, sql := range []string{
		"INSERT INTO guarded VALUES (1)",
		"INSERT INTO guarded FORMAT CSV\n1\n",
		"INSERT INTO guarded SELECT 1",
		"CREATE TABLE guarded_2 (a UInt8) ENGINE = MergeTree ORDER BY a",
		"CREATE TABLE guarded_2 (a UInt8) ENGINE = Memory",
		"CREATE VIEW guarded_2 AS SELECT 1",
		"CREATE DATABASE guarded_2",
		"ALTER TABLE guarded ADD COLUMN b UInt8",
		"ALTER TABLE guarded DELETE WHERE 1",
		"DELETE FROM guarded WHERE 1",
		"TRUNCATE TABLE guarded",
		"OPTIMIZE TABLE guarded FINAL",
		"RENAME TABLE guarded TO guarded_2",
		"DROP TABLE guarded",
		"DROP DATABASE sightline",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS readonly = 2",
		"SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT 1 SETTINGS max_memory_usage = 0",
	} {
		t.Run(sql, func(t *testing.T) {
			status, code, body := ask(t, shared, shared.Reader, sql, nil)
			require.NotEqual(t, 200, status, body)
			require.Contains(t, []string{"164", "497"}, code, body)
		})
	}
	for _, query := range []url.Values{
		{"readonly": {"0"}},
		{"readonly": {"2"}},
		{"max_execution_time": {"0"}},
		{"max_execution_time": {"1e9"}},
		{"max_memory_usage": {"0"}},
	} {
		t.Run(query.Encode(), func(t *testing.T) {
			_, _, body := ask(t, shared, shared.Reader, "SELECT getSetting('readonly'), "+
				"getSetting('max_execution_time') BETWEEN 1 AND 300, getSetting('max_memory_usage') > 0", query)
			require.Equal(t, "1\t1\t1\n", body)
		})
	}
	for _, name := range []string{
		"allow_ddl", "insert_deduplication_token", "log_comment_x", "additional_result_filter", "format_schema", "dialect",
		"allow_introspection_functions", "implicit_select", "max_server_memory_usage", "session_id", "role", "profile",
		"output_format_schema", "input_format_record_errors_file_path", "max_memory_usage_for_user", "path", "config-file",
	} {
		t.Run(name, func(t *testing.T) {
			status, code, body := ask(t, shared, shared.Reader, "SELECT 1", url.Values{name: {"1"}})
			require.Equal(t, 400, status, body)
			require.Contains(t, []string{"36", "115"}, code)
		})
	}
	// A subquery may carry settings, but the limits of the whole statement hold.
	_, code, _ := ask(t, shared, shared.Reader,
		"SELECT * FROM (SELECT sum(sleepEachRow(0.5)) FROM numbers(20) "+
			"SETTINGS max_execution_time = 0, readonly = 0, max_block_size = 1)",
		url.Values{"max_execution_time": {"1"}})
	require.Equal(t, "159", code)
	_, code, _ = ask(t, shared, shared.Reader,
		"SELECT * FROM (SELECT length(groupArray(number)) FROM numbers(30000000) SETTINGS max_memory_usage = 0)",
		url.Values{"max_memory_usage": {"50000000"}})
	require.Equal(t, "241", code)

	var rows uint64
	require.NoError(t, reader(t).QueryRow(ctx, "SELECT count() FROM guarded").Scan(&rows))
	require.Zero(t, rows)
}

func TestOrdinaryStatementsAreNotRefused(t *testing.T) {
	ctx := context.Background()
	conn := writer(t)
	for _, sql := range []string{
		"CREATE TABLE ordinary (a UInt8, engine String, profile String) ENGINE = MergeTree ORDER BY a COMMENT 'a table'",
		"CREATE TABLE IF NOT EXISTS ordinary (a UInt8, engine String, profile String)\n-- where a file would be\nENGINE = ReplacingMergeTree(a) ORDER BY a",
		"CREATE TABLE ordinary_sum (a UInt8) ENGINE SummingMergeTree ORDER BY a",
		"CREATE TABLE ordinary_agg (a UInt8, b AggregateFunction(argMin, String, DateTime)) ENGINE = AggregatingMergeTree() ORDER BY a",
		"CREATE MATERIALIZED VIEW ordinary_view TO ordinary_sum AS SELECT a FROM ordinary WHERE engine = 'x'",
		"INSERT INTO ordinary (a, engine, profile) VALUES (1, 'x', 'it''s'), (2, 'y', 'z')",
		"INSERT INTO ordinary VALUES(3, 'values', 'x')",
		"INSERT INTO ordinary SELECT a + 10, engine, profile FROM ordinary",
		"ALTER TABLE ordinary ADD COLUMN b UInt8 DEFAULT 1",
		"DELETE FROM ordinary WHERE a = 2",
		"OPTIMIZE TABLE ordinary FINAL",
		"EXPLAIN SELECT * FROM ordinary",
	} {
		require.NoError(t, conn.Exec(ctx, sql), sql)
	}
	for _, user := range []engine.Login{shared.Writer, shared.Reader} {
		for _, sql := range []string{
			"SELECT engine, count() FROM ordinary WHERE engine != 'z' GROUP BY engine ORDER BY engine",
			"SELECT number FROM numbers(3) -- no file here",
			"WITH 1 AS x SELECT x",
			"SELECT ifNull(NULL, 1), a IS NULL FROM ordinary",
			"SELECT 1 FORMAT JSONCompact",
			"(SELECT 1) UNION ALL (SELECT 2)",
			"SHOW TABLES",
			"SHOW CREATE TABLE ordinary",
			"DESCRIBE TABLE ordinary",
			"EXISTS TABLE ordinary",
			"SELECT name, engine FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
			"SELECT sum(rows) FROM system.parts WHERE database = 'sightline' AND active",
		} {
			status, _, body := ask(t, shared, user, sql, nil)
			require.Equal(t, 200, status, fmt.Sprint(user.User, ": ", sql, ": ", body))
		}
	}
}
