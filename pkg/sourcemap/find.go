package sourcemap

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/go-sourcemap/sourcemap"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Place is where in the source a position of a bundle comes from. Line and Column count from 1.
type Place struct {
	File         string
	Line, Column uint32
	Name         string // what stands there in the source, where the map knows; "" otherwise
}

// Find tells where a position comes from; line and column count from 1, as in stacks. url is what the browser wrote: the
// map is the one of the release whose script's path it ends in, the longest if several do.
func (s *Store) Find(app, releaseName, url string, line, column uint32) (place Place, found bool) {
	if line == 0 || column == 0 {
		return Place{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.releases[releaseKey{app, releaseName}]
	if r == nil {
		return Place{}, false
	}
	hash := r.mapOf(url)
	if hash == "" {
		return Place{}, false
	}
	parsed, known := s.read.get(hash)
	if !known {
		if content, err := s.load(hash); err == nil {
			parsed, _ = parse(content)
		}
		s.read.add(hash, parsed) // what cannot be read is not read again for each frame
	}
	if parsed == nil {
		return Place{}, false
	}
	return parsed.place(line, column)
}

// mapOf returns the hash of the map of a script, or "".
func (r *release) mapOf(url string) string {
	if cut := strings.IndexAny(url, "?#"); cut >= 0 {
		url = url[:cut]
	}
	rest := url
	if _, after, absolute := strings.Cut(url, "://"); absolute {
		_, rest, _ = strings.Cut(after, "/")
	}
	for rest = strings.TrimPrefix(rest, "/"); rest != ""; {
		if f, ok := r.Files[rest]; ok {
			return f.Hash
		}
		if _, shorter, more := strings.Cut(rest, "/"); more {
			rest = shorter
		} else {
			rest = ""
		}
	}
	return ""
}

// parsed is a map that is read in.
type parsed struct {
	consumer *sourcemap.Consumer
	bytes    int64
}

// parse reads a map of version 3. The sources' text, which most maps carry along, is left out: it is not needed to find
// a place, and would take most of the memory.
func parse(content []byte) (*parsed, error) {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(content, &whole); err != nil {
		return nil, fmt.Errorf("it is not valid JSON: %w", err)
	}
	if string(whole["version"]) != "3" {
		return nil, errors.New(`it has no "version": 3`)
	}
	if whole["mappings"] == nil && whole["sections"] == nil {
		return nil, errors.New("it has no mappings")
	}
	delete(whole, "sourcesContent")
	slim, err := json.Marshal(whole)
	if err != nil {
		return nil, err
	}
	consumer, err := consume(slim)
	if err != nil {
		return nil, err
	}
	// A mapping takes 24 bytes in memory and at least five characters in the file; names and sources stay as they are.
	return &parsed{consumer: consumer, bytes: int64(len(whole["mappings"])+len(whole["sections"]))*5 + int64(len(slim))}, nil
}

// consume reads a map with the library, which panics at some of what is no map.
func consume(content []byte) (consumer *sourcemap.Consumer, err error) {
	defer func() {
		if p := recover(); p != nil {
			consumer, err = nil, fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return sourcemap.Parse("", content)
}

// place asks the map. A map whose indexes point nowhere makes the library panic; it then knows nothing.
func (p *parsed) place(line, column uint32) (place Place, found bool) {
	defer func() {
		if recover() != nil {
			place, found = Place{}, false
		}
	}()
	if line > math.MaxInt32 || column > math.MaxInt32 {
		return Place{}, false
	}
	source, name, sourceLine, sourceColumn, ok := p.consumer.Source(int(line), int(column-1))
	if !ok || source == "" || sourceLine <= 0 || sourceColumn < 0 {
		return Place{}, false
	}
	return Place{File: sourcePath(source), Line: uint32(sourceLine), Column: uint32(sourceColumn) + 1, Name: name}, true
}

var bundlerScheme = regexp.MustCompile(`^(?:webpack|webpack-internal|turbopack|rollup|vite|parcel|ng)://[^/]*/`)

// sourcePath is a source's path without what a bundler puts before it: "webpack://shop/./src/cart.ts" and
// "../../src/cart.ts" are both src/cart.ts.
func sourcePath(source string) string {
	source = bundlerScheme.ReplaceAllString(source, "")
	for {
		shorter := strings.TrimPrefix(strings.TrimPrefix(source, "./"), "../")
		if shorter == source {
			break
		}
		source = shorter
	}
	if len(source) > maxName {
		source = source[len(source)-maxName:]
	}
	return source
}

// read holds the maps that are read in, the least recently used of which make room for others.
type read struct {
	maps  *simplelru.LRU[string, *parsed]
	bytes int64
	most  int64
}

func newRead(most int64) *read {
	r := &read{most: most}
	r.maps, _ = simplelru.NewLRU(math.MaxInt32, func(_ string, p *parsed) { r.bytes -= p.size() }) // fails only for size 0
	return r
}

func (r *read) get(hash string) (*parsed, bool) { return r.maps.Get(hash) }

func (r *read) add(hash string, p *parsed) {
	r.maps.Add(hash, p)
	r.bytes += p.size()
	for r.bytes > r.most && r.maps.Len() > 1 {
		r.maps.RemoveOldest()
	}
}

func (p *parsed) size() int64 {
	if p == nil {
		return 256
	}
	return p.bytes
}
