package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/spool"
)

// folder looks at the data folder itself; without it there is nothing else to look at.
func (i *Inside) folder(r *Report) bool {
	info, err := os.Stat(i.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.problem("data", i.Data, "there is no such folder",
			"name the folder that `sightline serve --data` names, or start it: it makes one")
		return false
	case errors.Is(err, fs.ErrPermission):
		r.problem("data", i.Data, "this user may not look into it", "run doctor as the user that runs `sightline serve`")
		return false
	case err != nil || !info.IsDir():
		r.problem("data", i.Data, fmt.Sprintf("it is not a folder (%v)", err),
			"name the folder that `sightline serve --data` names")
		return false
	}
	probe, err := os.CreateTemp(i.Data, ".doctor-")
	if err != nil {
		r.problem("data", i.Data, "nothing can be written: "+err.Error(),
			"run doctor as the user that runs `sightline serve`; if it is, make the folder its own: chown -R USER "+i.Data)
		return !errors.Is(err, fs.ErrPermission)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	if info.Mode().Perm()&0o077 != 0 {
		r.warn("data", i.Data, "other users of this machine may look into it", "chmod 700 "+i.Data)
	}
	key := filepath.Join(i.Data, "user.key")
	switch info, err := os.Stat(key); {
	case errors.Is(err, fs.ErrNotExist):
		r.ok("data", key, "no secret to hash users with yet: the first start makes it")
	case err != nil:
		r.problem("data", key, err.Error(), "run doctor as the user that runs `sightline serve`")
	case info.Size() != 32:
		r.problem("data", key, fmt.Sprintf("the secret that users are hashed with has %d bytes and not 32", info.Size()),
			"restore it from a backup; a new one would make every known user a new one")
	case info.Mode().Perm()&0o077 != 0:
		r.problem("data", key, "other users of this machine may read the secret that users are hashed with", "chmod 600 "+key)
	default:
		r.ok("data", i.Data, "the folder can be written, and the secret that users are hashed with is the sidecar's alone")
	}
	return true
}

// spoolDirs are the folders of the main spool and of those of further stores, by store.
func (i *Inside) spoolDirs() map[string]string {
	all := map[string]string{"": i.Data}
	for name := range i.Config.Stores {
		all[name] = filepath.Join(i.Data, "stores", name)
	}
	return all
}

func (i *Inside) spools(r *Report) {
	folders := i.spoolDirs()
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		data := folders[name]
		dir := filepath.Join(data, "spool")
		if damaged, _ := filepath.Glob(filepath.Join(dir, "damaged", "*")); len(damaged) > 0 {
			r.warn("spool", filepath.Join(dir, "damaged"),
				fmt.Sprintf("the disk returned %s damaged; what is left of them was set aside",
					several(len(damaged), "entry")), "check the disk (smartctl -a, dmesg), then delete the files")
		}
		letters, _ := filepath.Glob(filepath.Join(data, "dead-letters", "*.json"))
		if len(letters) > 0 {
			r.warn("spool", filepath.Join(data, "dead-letters"), fmt.Sprintf("the store can never take %s; the last reason: %s",
				several(len(letters), "record"), lastReason(letters[len(letters)-1])),
				"report the reason with the version of `sightline`; delete the files when they are of no more use")
		}
		most := i.Config.Limits.SpoolBytes
		if most <= 0 {
			most = spool.DefaultMaxBytes
		}
		size, err := folderBytes(dir) // which counts whole files: up to four of them more than what waits
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.ok("spool", dir, "there is none yet")
		case err != nil:
			r.problem("spool", dir, err.Error(), "run doctor as the user that runs `sightline serve`")
		case size > most+64<<20:
			r.problem("spool", dir, fmt.Sprintf("%d MiB are waiting, as much as may: beacons are refused with 503", size>>20),
				"mend the store, and the spool drains by itself; or raise limits.spool_bytes")
		case size > most/2+64<<20:
			r.warn("spool", dir, fmt.Sprintf("%d MiB are waiting: more than half of what may, so visits are sampled", size>>20),
				"the store is too slow or away: see what is said of it here")
		default:
			r.ok("spool", dir, "%s, of which at most %d MiB wait for %s", running(dir), size>>20, storeCalled(name))
		}
	}
}

// running says whether a process has the spool open: it holds the lock for as long as it runs.
func running(dir string) string {
	lock := flock.New(filepath.Join(dir, "lock"))
	if _, err := os.Stat(lock.Path()); err != nil {
		return "not in use"
	}
	locked, err := lock.TryLock()
	if err == nil && locked {
		_ = lock.Unlock()
		return "not in use"
	}
	return "in use by a sidecar"
}

func lastReason(path string) string {
	var letter struct{ Reason string }
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &letter) != nil {
		return "unknown"
	}
	return letter.Reason
}

func folderBytes(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && filepath.Ext(entry.Name()) == ".wal" {
			total += info.Size()
		}
	}
	return total, err
}

// rejected looks at what clients send that cannot be used.
func (i *Inside) rejected(r *Report) {
	dir := filepath.Join(i.Data, "quarantine")
	entries, err := quarantine.Read(dir)
	if err != nil {
		r.problem("data", dir, err.Error(), "run doctor as the user that runs `sightline serve`")
		return
	}
	day := 0
	for _, e := range entries {
		if time.Since(e.At) < 24*time.Hour {
			day++
		}
	}
	if day > 1000 {
		r.warn("beacon", dir, fmt.Sprintf("%d items of the last day were rejected", day),
			"sightline quarantine list says why")
		return
	}
	r.ok("beacon", dir, "%s of the last day rejected", several(day, "item"))
}

// disk warns before the spool or the engine refuses to fill it any further.
func (i *Inside) disk(r *Report) {
	reserve := i.Config.Limits.ReserveBytes
	if reserve <= 0 {
		reserve = spool.DefaultReserveBytes
	}
	free, err := spool.FreeBytes(i.Data)
	switch {
	case err != nil:
		r.warn("disk", i.Data, "the free space is not known: "+err.Error(), "look at it with: df -h "+i.Data)
	case free < uint64(reserve):
		r.problem("disk", i.Data, fmt.Sprintf("%d MiB are free, and %d MiB are kept free: beacons are refused with 503",
			free>>20, reserve>>20),
			"free space or move the data folder; beacons are taken again by themselves. limits.reserve_bytes is the reserve")
	case free < 2*uint64(reserve):
		r.warn("disk", i.Data, fmt.Sprintf("%d MiB are free, and sampling starts below %d MiB", free>>20, 2*reserve>>20),
			"free space, or keep raw data for a shorter time")
	default:
		r.ok("disk", i.Data, "%d GiB are free", free>>30)
	}
}

func storeCalled(name string) string {
	if name == "" {
		return "the store"
	}
	return "the store " + name
}
