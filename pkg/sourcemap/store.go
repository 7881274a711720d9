// Package sourcemap keeps the source maps that were uploaded for the releases of each app, and finds with them where in
// the source a position of a bundle comes from.
//
// Maps come from the operator only. A stack trace is written by a browser, or by anyone who can send a beacon: nothing
// in it is ever opened, neither as a file nor over the network.
package sourcemap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"
)

// Limits of what is kept. Zero means the default.
type Limits struct {
	DiskBytes   int64 // of all maps, packed; the releases that were uploaded first go first. Default 1 GiB
	MemoryBytes int64 // of the maps that are read in. Default 256 MiB
}

// Limits of one upload. A map of 64 MiB is of a bundle of some 15 MB.
const (
	MaxMapBytes      = 64 << 20
	MaxFiles         = 5000 // of one release
	maxName          = 512
	defaultDiskBytes = 1 << 30
	defaultMemory    = 256 << 20
)

// Store keeps maps in a folder: each content once, by its hash, and an index file for each release of an app. It is
// safe for concurrent use.
type Store struct {
	folder string
	limits Limits

	mu       sync.Mutex
	releases map[releaseKey]*release
	bytes    int64
	read     *read
}

type releaseKey struct{ app, release string }

// release is the index of one release as its file holds it.
type release struct {
	App      string          `json:"app"`
	Release  string          `json:"release"`
	Uploaded time.Time       `json:"uploaded"` // the latest of its files
	Files    map[string]file `json:"files"`    // by the name of the script the map is of
}

type file struct {
	Hash  string `json:"hash"` // SHA-256 of the map
	Bytes int64  `json:"bytes"`
}

// Open opens the store of a folder, which is made when the first map is put in.
func Open(folder string, limits Limits) (*Store, error) {
	if limits.DiskBytes <= 0 {
		limits.DiskBytes = defaultDiskBytes
	}
	if limits.MemoryBytes <= 0 {
		limits.MemoryBytes = defaultMemory
	}
	s := &Store{folder: folder, limits: limits, releases: map[releaseKey]*release{}, read: newRead(limits.MemoryBytes)}
	indexes, err := filepath.Glob(filepath.Join(folder, "releases", "*.json"))
	if err != nil {
		return nil, fmt.Errorf("source maps: %w", err)
	}
	for _, index := range indexes {
		text, err := os.ReadFile(index)
		if err != nil {
			return nil, fmt.Errorf("source maps: %w", err)
		}
		var r release
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("source maps: %s is damaged: %w; delete it and upload the release again", index, err)
		}
		s.releases[releaseKey{r.App, r.Release}] = &r
	}
	s.measure()
	return s, nil
}

// ErrInvalid is the error of what is not a source map, or not one that can be kept. Its text says what is wrong.
var ErrInvalid = errors.New("not a usable source map")

// Put keeps the map of one file of a release. name is the map's path as it lies beside its script, "js/main.js.map";
// the script is the name without ".map". Putting the same again changes nothing, another one replaces it.
func (s *Store) Put(app, releaseName, name string, content []byte) error {
	script, err := scriptOf(name)
	switch {
	case err != nil:
		return err
	case app == "" || releaseName == "" || len(app) > maxName || len(releaseName) > maxName:
		return fmt.Errorf("%w: app and release need 1 to %d characters", ErrInvalid, maxName)
	case len(content) > MaxMapBytes:
		return fmt.Errorf("%w: it has more than %d MiB", ErrInvalid, MaxMapBytes>>20)
	}
	if _, err := parse(content); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])

	s.mu.Lock()
	defer s.mu.Unlock()
	key := releaseKey{app, releaseName}
	r := &release{App: app, Release: releaseName, Files: map[string]file{}}
	if known := s.releases[key]; known != nil {
		if known.Files[script].Hash == hash {
			return nil
		}
		for name, f := range known.Files {
			r.Files[name] = f
		}
	}
	if _, replaces := r.Files[script]; !replaces && len(r.Files) >= MaxFiles {
		return fmt.Errorf("%w: the release has %d maps already, and no more are kept of one", ErrInvalid, MaxFiles)
	}
	packed, err := s.write(hash, content)
	if err != nil {
		return fmt.Errorf("source maps: keep %s: %w", name, err)
	}
	r.Files[script] = file{Hash: hash, Bytes: packed}
	r.Uploaded = time.Now().UTC()
	if err := s.writeIndex(r); err != nil {
		return fmt.Errorf("source maps: keep %s: %w", name, err)
	}
	s.releases[key] = r
	s.measure()
	return s.trim(key)
}

// scriptOf is the path of the script that a map is of: relative, with slashes, and nothing that leads out of a folder.
func scriptOf(name string) (string, error) {
	script, isMap := strings.CutSuffix(name, ".map")
	if !isMap || path.Base(script) == "." || len(name) > maxName {
		return "", fmt.Errorf("%w: its name must end in .map, as main.js.map does, and have at most %d characters", ErrInvalid, maxName)
	}
	clean := strings.TrimPrefix(path.Clean("/"+script), "/")
	if clean != strings.TrimPrefix(script, "/") || clean == "" {
		return "", fmt.Errorf("%w: its name %q is not a plain path such as js/main.js.map", ErrInvalid, name)
	}
	return clean, nil
}

// write keeps a content under its hash and returns how many bytes it takes on disk.
func (s *Store) write(hash string, content []byte) (int64, error) {
	at := s.contentPath(hash)
	if info, err := os.Stat(at); err == nil {
		return info.Size(), nil
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return 0, err
	}
	defer encoder.Close()
	packed := encoder.EncodeAll(content, nil)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return 0, err
	}
	return int64(len(packed)), renameio.WriteFile(at, packed, 0o600)
}

// load returns a content, and fails when the disk does not return what was put in.
func (s *Store) load(hash string) ([]byte, error) {
	packed, err := os.ReadFile(s.contentPath(hash))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxMapBytes+1<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], decodeHash(hash)) {
		return nil, errors.New("the content is not what was uploaded")
	}
	return content, nil
}

func decodeHash(hash string) []byte {
	sum, _ := hex.DecodeString(hash) // "" differs from any hash
	return sum
}

func (s *Store) contentPath(hash string) string {
	return filepath.Join(s.folder, "contents", hash+".map.zst")
}

// indexPath has no name in it that a caller chose.
func (s *Store) indexPath(app, releaseName string) string {
	sum := sha256.Sum256([]byte(app + "\x00" + releaseName))
	return filepath.Join(s.folder, "releases", hex.EncodeToString(sum[:])+".json")
}

func (s *Store) writeIndex(r *release) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	at := s.indexPath(r.App, r.Release)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(at, text, 0o600)
}
