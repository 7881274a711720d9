package sourcemap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// measure adds up what the contents take, each counted once however many releases share it.
func (s *Store) measure() {
	s.bytes = 0
	for _, size := range s.used() {
		s.bytes += size
	}
}

// used are the contents that some release needs, with their sizes.
func (s *Store) used() map[string]int64 {
	sizes := map[string]int64{}
	for _, r := range s.releases {
		for _, f := range r.Files {
			sizes[f.Hash] = f.Bytes
		}
	}
	return sizes
}

// trim drops the releases that were uploaded longest ago until the rest fits on the disk. The one being uploaded stays.
func (s *Store) trim(keep releaseKey) error {
	for s.bytes > s.limits.DiskBytes {
		oldest := (*release)(nil)
		for key, r := range s.releases {
			if key != keep && (oldest == nil || r.Uploaded.Before(oldest.Uploaded)) {
				oldest = r
			}
		}
		if oldest == nil {
			return fmt.Errorf("%w: the maps of this release alone take more than the %d MiB there are for all", ErrInvalid,
				s.limits.DiskBytes>>20)
		}
		if err := s.drop(oldest); err != nil {
			return fmt.Errorf("source maps: make room: %w", err)
		}
	}
	return nil
}

// drop forgets a release: its index first, so that a crash leaves contents nobody names and never a name without one.
func (s *Store) drop(r *release) error {
	if err := remove(s.indexPath(r.App, r.Release)); err != nil {
		return err
	}
	delete(s.releases, releaseKey{r.App, r.Release})
	used := s.used()
	for _, f := range r.Files {
		if _, shared := used[f.Hash]; !shared {
			if err := remove(s.contentPath(f.Hash)); err != nil {
				return err
			}
		}
	}
	s.measure()
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
