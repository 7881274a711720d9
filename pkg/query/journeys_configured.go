package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// journey is a configured path through the app.
type journey struct {
	name  string
	steps []journeyStep
}

// journeyStep is passed by a view of a route, or by an action; "*" in the pattern stands for any run of characters.
type journeyStep struct {
	name    string
	action  bool // else a route
	pattern string
}

// configuredJourneys reads the app's journeys as the sidecar last wrote them. A journey's highest version is in force.
func (q *question) configuredJourneys(ctx context.Context, conn driver.Conn) ([]journey, error) {
	var s statement
	app := s.bind("app", "String", q.App)
	sql := fmt.Sprintf(`SELECT toString(src.journey) AS of, src.step AS place, any(src.name), any(toString(src.kind)),
  any(src.pattern)
FROM journeys AS src FINAL
WHERE src.app = %[1]s AND (src.journey, src.version) IN (
  SELECT journey, max(version) FROM journeys WHERE app = %[1]s GROUP BY journey)
GROUP BY of, place
ORDER BY of, place
LIMIT 10000`, app)
	var all []journey
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var name, kind string
		var place uint8
		var step journeyStep
		err := rows.Scan(&name, &place, &step.name, &kind, &step.pattern)
		step.action = kind == "action"
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, journey{name: name})
		}
		of := &all[len(all)-1]
		of.steps = append(of.steps, step)
		return err
	})
	for i := range all {
		all[i].nameSteps()
	}
	return all, err
}

// nameSteps gives every step a name of its own, as labels of series have to differ.
func (j *journey) nameSteps() {
	for i := range j.steps {
		step := &j.steps[i]
		if step.name == "" {
			step.name = step.pattern
		}
		if slices.ContainsFunc(j.steps[:i], func(s journeyStep) bool { return s.name == step.name }) {
			step.name = fmt.Sprintf("%s (%d)", step.name, i+1)
		}
	}
}

// passedBy is the condition that a column holds what the step is passed by. A pattern without "*" is compared as it is,
// which the order of the views makes cheap.
func (j journeyStep) passedBy(s *statement, column string) string {
	if !strings.Contains(j.pattern, "*") {
		return fmt.Sprintf("%s = %s", column, s.bind("step", "String", j.pattern))
	}
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`).Replace(j.pattern)
	return fmt.Sprintf("%[1]s LIKE %[2]s AND %[1]s != ''", column, s.bind("step", "String", like))
}

// passes lists for each step whether a row passes it, and whether it passes any: of views by their route, of actions by
// their name.
func (j journey) passes(s *statement, actions bool) (each []string, any string) {
	column := "route"
	if actions {
		column = "name"
	}
	var some []string
	for _, step := range j.steps {
		condition := "0"
		if step.action == actions {
			condition = step.passedBy(s, column)
			some = append(some, "("+condition+")")
		}
		each = append(each, condition)
	}
	return each, strings.Join(some, " OR ")
}
