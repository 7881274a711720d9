package query

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// storageSQL reads system.tables, which shows everybody the tables they may read: unlike system.parts it needs no grant
// of its own. Views hold nothing, and neither do the tables of a cluster that read every shard.
const storageSQL = `SELECT name, ifNull(total_bytes, 0) AS bytes, ifNull(total_rows, 0),
  toUInt64(ifNull(active_parts, 0)), create_table_query
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY bytes DESC, name
LIMIT 1000`

var ttlDays = regexp.MustCompile(`(?s)\bTTL .*?(?:toIntervalDay\((\d+)\)|INTERVAL (\d+) DAY)`)

// storage has a row a table: bytes on disk (compressed), rows, parts, and for how many days rows are kept. They are of
// all apps, and on a cluster of the server that answers.
func (q *question) storage(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	if len(q.allowed) > 0 {
		return nil, forbidden("section %s is of all apps together: a data source that is limited to some apps may not ask "+
			"for it", sectionStorage)
	}
	var tables []string
	var bytes, rowCounts, parts []int64
	var days []*float64
	err := q.rows(ctx, conn, new(statement), storageSQL, func(rows driver.Rows) error {
		var name, definition string
		var size, count, pieces uint64
		err := rows.Scan(&name, &size, &count, &pieces, &definition)
		tables, bytes, rowCounts = append(tables, name), append(bytes, int64(size)), append(rowCounts, int64(count))
		parts = append(parts, int64(pieces))
		days = append(days, retention(definition))
		return err
	})
	var notices []data.Notice
	var exception *clickhouse.Exception
	switch {
	case errors.As(err, &exception) && exception.Code == codeAccessDenied:
		notices = append(notices, info("The store's user may not see system.tables: GRANT SHOW TABLES, SHOW COLUMNS ON "+
			"<database>.* to it."))
	case err != nil:
		return nil, err
	}
	cut := len(tables) > q.limit()
	if cut {
		n := q.limit()
		tables, bytes, rowCounts, parts, days = tables[:n], bytes[:n], rowCounts[:n], parts[:n], days[:n]
		notices = append(notices, q.cutNotice("tables"))
	}
	frame := newFrame(data.FrameTypeTable,
		column("table", "Table", unitNone, tables),
		column("bytes", "On disk", "bytes", bytes),
		column("rows", "Rows", unitShort, rowCounts),
		column("parts", "Parts", unitShort, parts),
		column("days", "Kept for", "d", days))
	frame.Fields[4].Config.NoValue = "kept"
	frame.AppendNotices(notices...)
	return data.Frames{frame}, nil
}

// retention is for how many days a table keeps its rows, as its definition says; nil when it keeps them.
func retention(definition string) *float64 {
	_, ofRows, _ := strings.Cut(definition, ") ENGINE = ") // columns may have a shorter one of their own
	found := ttlDays.FindStringSubmatch(ofRows)
	if found == nil {
		return nil
	}
	days, err := strconv.ParseFloat(found[1]+found[2], 64)
	return pointerIf(err == nil, days)
}
