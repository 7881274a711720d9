package rollup

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkFinalOfADay reads the p75 of a metric by route from one day of vitals, one in eleven of which was reported again in
// a later batch: the last report of each (FINAL) and all of them, in turns, from the day as it was inserted and as it is once
// merged. It prints medians of the engine's processor time and of the clock. FINAL_ROWS is how many vitals there are; run it
// with -benchtime 1x.
func BenchmarkFinalOfADay(b *testing.B) {
	const parts, turns = 40, 5
	rows, err := strconv.Atoi(cmp.Or(os.Getenv("FINAL_ROWS"), "2000000"))
	require.NoError(b, err)
	s := migrated(b)
	run := func(sql string) { require.NoError(b, s.Conn().Exec(b.Context(), sql), sql) }
	run("ALTER TABLE vitals MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1") // no merges for now
	day := noon.Truncate(24 * time.Hour)
	for part := range parts {
		run(fmt.Sprintf(`INSERT INTO vitals (ts, received_at, app, environment, session_id, view_id, route, device, country, traffic, weight,
  metric, metric_id, reported_at, value)
SELECT toDateTime64(%[1]d, 3, 'UTC') + at AS ts, ts, 'shop', 'production', concat('s-', toString(intDiv(v, 4))), concat('v-', toString(v)),
  concat('/', toString(cityHash64(v, 1) %% 40)), ['desktop', 'mobile'][1 + v %% 2], ['DE', 'US'][1 + v %% 2], 'real', 1000,
  ['lcp', 'inp', 'cls', 'fcp', 'ttfb'][1 + i %% 5], concat('v6-', toString(i)), ts + again * 60, exp(randNormal(7.5, 0.6))
FROM (SELECT arrayJoin(if(number %% 11 = 0 AND %[2]d > 0, [0, 1], [0])) AS again, number + %[2]d - again * %[4]d AS i,
  intDiv(i, 5) AS v, intDiv(v * 86400, %[3]d) AS at FROM numbers(%[4]d))
SETTINGS max_execution_time = 0, max_insert_block_size = 100000000, min_insert_block_size_rows = 100000000,
  min_insert_block_size_bytes = 0`, day.Unix(), part*(rows/parts), rows/5, rows/parts))
	}
	fmt.Printf("| one day, %d vitals | parts | last reports (FINAL) | all reports | by the clock |\n|---|---|---|---|---|\n", rows)
	for _, state := range []string{"as inserted", "merged"} {
		if state == "merged" {
			run("ALTER TABLE vitals RESET SETTING max_bytes_to_merge_at_max_space_in_pool")
			run("OPTIMIZE TABLE vitals FINAL SETTINGS max_execution_time = 0")
		}
		processor, clock := map[string][]float64{}, map[string][]float64{}
		for range turns {
			for _, from := range []string{"vitals FINAL", "vitals"} {
				started, before := time.Now(), engineTime(b)
				var routes uint64
				require.NoError(b, s.Conn().QueryRow(b.Context(), "SELECT count() FROM (SELECT route, quantileExactWeighted(0.75)(value, weight) "+
					"FROM "+from+" WHERE app = 'shop' AND metric = 'lcp' GROUP BY route) "+
					"SETTINGS do_not_merge_across_partitions_select_final = 1").Scan(&routes))
				processor[from] = append(processor[from], float64((engineTime(b) - before).Milliseconds()))
				clock[from] = append(clock[from], float64(time.Since(started).Milliseconds()))
				require.EqualValues(b, 40, routes)
			}
		}
		median := func(of []float64) float64 { slices.Sort(of); return of[len(of)/2] }
		var active uint64
		require.NoError(b, s.Conn().QueryRow(b.Context(), "SELECT count() FROM system.parts WHERE database = currentDatabase() "+
			"AND table = 'vitals' AND active").Scan(&active))
		last, all := median(processor["vitals FINAL"]), median(processor["vitals"])
		fmt.Printf("| %s | %d | %.0f ms | %.0f ms | %.0f and %.0f ms |\n", state, active, last, all,
			median(clock["vitals FINAL"]), median(clock["vitals"]))
		b.ReportMetric(last/max(all, 1), state[:2]+"-ratio")
	}
}

// engineTime is the processor time that the engine has taken so far, in ticks of 10 ms: on a busy machine it says more than a
// clock does.
func engineTime(b *testing.B) time.Duration {
	b.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", access.PID))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(line), ") ")
	fields := strings.Fields(rest)
	var user, system int64
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	require.NoError(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
