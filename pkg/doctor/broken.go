package doctor

import (
	"path/filepath"
)

// broken looks for parts of tables that the embedded engine could not read when it started. ClickHouse sets them aside,
// names them so, and starts without a word: their rows are missing from every answer.
func (i *Inside) broken(r *Report) {
	parts, _ := filepath.Glob(filepath.Join(i.Data, "engine", "store", "store", "*", "*", "detached", "broken*"))
	if len(parts) == 0 {
		return
	}
	r.problem("store", filepath.Dir(parts[0]),
		several(len(parts), "part")+" of tables could not be read at a start and were set aside: their rows are in no answer",
		"restore the data folder from a complete backup (docs/backup.md); without one check the disk (smartctl -a, dmesg), "+
			"then delete the folders whose name begins with broken")
}
