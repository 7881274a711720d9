package sourcemap

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const esbuild = "testdata/bundles/esbuild.3f2a1bc9.js.map"

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}

func open(t testing.TB, folder string, limits Limits) *Store {
	t.Helper()
	s, err := Open(folder, limits)
	require.NoError(t, err)
	return s
}

// known says whether a position of a script is found.
func known(s *Store, app, release, url string) bool {
	_, found := s.Find(app, release, url, 1, 144)
	return found
}

func TestAMapIsFoundByThePathOfItsScript(t *testing.T) {
	s := open(t, t.TempDir(), Limits{})
	require.NoError(t, s.Put("shop", "1.0", "js/main.js.map", readFile(t, esbuild)))
	for url, want := range map[string]bool{
		"https://shop.example/js/main.js":              true,
		"https://cdn.example/shop/v7/js/main.js?v=1#x": true,
		"/js/main.js":                             true,
		"js/main.js":                              true,
		"webpack-internal:///js/main.js":          true,
		"https://shop.example/main.js":            false,
		"https://shop.example/other/main.js":      false,
		"https://shop.example/notjs/main.js":      false,
		"":                                        false,
		"https://shop.example/js/main.js/../../x": false,
		"<anonymous>":                             false,
		"https://shop.example/" + strings.Repeat("/", 9): false,
	} {
		require.Equal(t, want, known(s, "shop", "1.0", url), url)
	}
	require.False(t, known(s, "shop", "2.0", "/js/main.js"))
	require.False(t, known(s, "blog", "1.0", "/js/main.js"))

	place, found := s.Find("shop", "1.0", "/js/main.js", 1, 144)
	require.True(t, found)
	require.Equal(t, Place{File: "src/cart.ts", Line: 20, Column: 25}, place)
	for _, position := range [][2]uint32{{0, 0}, {0, 5}, {5, 0}, {1 << 31, 1 << 31}} {
		_, found := s.Find("shop", "1.0", "/js/main.js", position[0], position[1])
		require.False(t, found, fmt.Sprint(position))
	}
}

func TestTheLongestPathWins(t *testing.T) {
	s := open(t, t.TempDir(), Limits{})
	require.NoError(t, s.Put("shop", "1.0", "main.js.map", one("short.ts")))
	require.NoError(t, s.Put("shop", "1.0", "admin/main.js.map", one("long.ts")))
	place, _ := s.Find("shop", "1.0", "https://x.example/admin/main.js", 1, 1)
	require.Equal(t, "long.ts", place.File)
	place, _ = s.Find("shop", "1.0", "https://x.example/app/main.js", 1, 1)
	require.Equal(t, "short.ts", place.File)
}

// one is a map with a single mapping, at the very beginning.
func one(source string) []byte {
	text, _ := json.Marshal(map[string]any{"version": 3, "sources": []string{source}, "names": []string{}, "mappings": "AAAA"})
	return text
}

func TestMapsSurviveARestartAndAreKeptOnce(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder, Limits{})
	content := readFile(t, esbuild)
	for _, release := range []string{"1.0", "1.1"} {
		require.NoError(t, s.Put("shop", release, "main.js.map", content))
		require.NoError(t, s.Put("shop", release, "main.js.map", content), "putting it again changes nothing")
	}
	contents, err := filepath.Glob(filepath.Join(folder, "contents", "*"))
	require.NoError(t, err)
	require.Len(t, contents, 1)
	again := open(t, folder, Limits{})
	require.True(t, known(again, "shop", "1.1", "/main.js"))
	require.Equal(t, s.bytes, again.bytes)
	require.Positive(t, again.bytes)
}

func TestAMapCanBeReplaced(t *testing.T) {
	s := open(t, t.TempDir(), Limits{})
	for _, source := range []string{"before.ts", "after.ts"} {
		require.NoError(t, s.Put("shop", "1.0", "main.js.map", one(source)))
		place, _ := s.Find("shop", "1.0", "/main.js", 1, 1)
		require.Equal(t, source, place.File)
	}
}

func TestTheOldestReleasesMakeRoom(t *testing.T) {
	folder := t.TempDir()
	size := open(t, t.TempDir(), Limits{})
	require.NoError(t, size.Put("shop", "x", "main.js.map", one("000.ts")))
	s := open(t, folder, Limits{DiskBytes: 3*size.bytes + 10})
	for n := range 6 {
		require.NoError(t, s.Put("shop", fmt.Sprint(n), "main.js.map", one(fmt.Sprintf("%03d.ts", n))))
	}
	for n := range 6 {
		_, found := s.Find("shop", fmt.Sprint(n), "/main.js", 1, 1)
		require.Equal(t, n >= 3, found, n)
	}
	contents, err := filepath.Glob(filepath.Join(folder, "contents", "*"))
	require.NoError(t, err)
	require.Len(t, contents, 3)

	tiny := open(t, t.TempDir(), Limits{DiskBytes: 1})
	require.ErrorContains(t, tiny.Put("shop", "1", "main.js.map", one("x.ts")), "this release alone")
}

func TestMemoryIsBounded(t *testing.T) {
	s := open(t, t.TempDir(), Limits{MemoryBytes: 1000})
	for n := range 50 {
		require.NoError(t, s.Put("shop", "1", fmt.Sprint(n, ".js.map"), one(fmt.Sprint(n, ".ts"))))
		place, found := s.Find("shop", "1", fmt.Sprintf("/%d.js", n), 1, 1)
		require.True(t, found)
		require.Equal(t, fmt.Sprint(n, ".ts"), place.File)
		require.LessOrEqual(t, s.read.bytes, int64(1000))
	}
	require.Less(t, s.read.maps.Len(), 20)
	place, _ := s.Find("shop", "1", "/0.js", 1, 1)
	require.Equal(t, "0.ts", place.File, "what made room is read in again")
}

func TestWhatIsNoMapIsRefusedWithWhatIsWrong(t *testing.T) {
	s := open(t, t.TempDir(), Limits{})
	for _, c := range []struct{ name, content, want string }{
		{"main.js.map", "<html>", "not valid JSON"},
		{"main.js.map", `{"version":2,"mappings":"AAAA"}`, `"version": 3`},
		{"main.js.map", `{"version":3,"sources":[]}`, "no mappings"},
		{"main.js.map", `{"version":3,"sources":[],"mappings":""}`, "mappings are empty"},
		{"main.js.map", `{"version":3,"sections":[{}]}`, "cannot be read"},
		{"main.js", string(one("x")), "must end in .map"},
		{".map", string(one("x")), "must end in .map"},
		{"../../etc/passwd.map", string(one("x")), "not a plain path"},
		{"a/../b.js.map", string(one("x")), "not a plain path"},
		{"a//b.js.map", string(one("x")), "not a plain path"},
		{strings.Repeat("x", 600) + ".map", string(one("x")), "at most 512 characters"},
	} {
		err := s.Put("shop", "1.0", c.name, []byte(c.content))
		require.ErrorIs(t, err, ErrInvalid, c.name+c.content)
		require.ErrorContains(t, err, c.want)
	}
	require.ErrorIs(t, s.Put("", "1.0", "a.js.map", one("x")), ErrInvalid)
	require.ErrorIs(t, s.Put("shop", "", "a.js.map", one("x")), ErrInvalid)
}

// App and release may hold anything, and lead nowhere.
func TestNoNameLeadsOutOfTheFolder(t *testing.T) {
	parent := t.TempDir()
	s := open(t, filepath.Join(parent, "maps"), Limits{})
	for _, name := range []string{"..", "../..", "/", "a/b", "\x00", "con", strings.Repeat("é", 200)} {
		require.NoError(t, s.Put(name, name, "main.js.map", one("x.ts")))
		_, found := s.Find(name, name, "/main.js", 1, 1)
		require.True(t, found, name)
	}
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Indexes that point nowhere make the library panic.
func TestAMapThatLiesKnowsNothing(t *testing.T) {
	s := open(t, t.TempDir(), Limits{})
	require.NoError(t, s.Put("shop", "1.0", "main.js.map", []byte(`{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA,CgBAA"}`)))
	_, found := s.Find("shop", "1.0", "/main.js", 1, 1)
	require.True(t, found)
	_, found = s.Find("shop", "1.0", "/main.js", 1, 2)
	require.False(t, found, "there is no source 16")
}

func TestAContentThatTheDiskChangedIsNotUsed(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder, Limits{})
	require.NoError(t, s.Put("shop", "1.0", "main.js.map", one("a.ts")))
	contents, err := filepath.Glob(filepath.Join(folder, "contents", "*"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(contents[0], []byte("something else"), 0o600))
	require.False(t, known(open(t, folder, Limits{}), "shop", "1.0", "/main.js"))

	indexes, err := filepath.Glob(filepath.Join(folder, "releases", "*"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(indexes[0], []byte("{"), 0o600))
	_, err = Open(folder, Limits{})
	require.ErrorContains(t, err, "upload the release again")
}

// Whatever a stack names, nothing is asked for: not the script, not the map beside it, and not what a map names.
func TestNothingIsEverFetched(t *testing.T) {
	asked := atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	require.IsType(t, &net.TCPAddr{}, server.Listener.Addr())
	s := open(t, t.TempDir(), Limits{})
	require.NoError(t, s.Put("shop", "1.0", "main.js.map", one(server.URL+"/source.ts")))
	for _, url := range []string{server.URL + "/main.js", server.URL + "/other.js", server.URL + "/main.js.map", "file:///etc/passwd"} {
		s.Find("shop", "1.0", url, 1, 1)
	}
	require.Zero(t, asked.Load())
}

func TestSourcesLoseWhatBundlersPutBeforeThem(t *testing.T) {
	for source, want := range map[string]string{
		"webpack://shop/./src/cart.ts":   "src/cart.ts",
		"webpack://shop/src/cart.ts":     "src/cart.ts",
		"webpack:///./src/cart.ts":       "src/cart.ts",
		"../../src/cart.ts":              "src/cart.ts",
		"./src/cart.ts":                  "src/cart.ts",
		"src/cart.ts":                    "src/cart.ts",
		"/home/ci/src/cart.ts":           "/home/ci/src/cart.ts",
		"https://cdn.example/src/a.ts":   "https://cdn.example/src/a.ts",
		"../node_modules/react/index.js": "node_modules/react/index.js",
	} {
		require.Equal(t, want, sourcePath(source), source)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(readFile(f, esbuild), "https://x.example/main.js", uint32(1), uint32(144))
	f.Add(one("a.ts"), "main.js", uint32(1), uint32(1))
	f.Add([]byte(`{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3,"sources":["a"],"mappings":"AAAA"}}]}`), "/main.js", uint32(1), uint32(1))
	f.Fuzz(func(t *testing.T, content []byte, url string, line, column uint32) {
		p, err := parse(content)
		if err != nil {
			return
		}
		p.place(line, column)
		r := release{Files: map[string]file{"main.js": {Hash: "x"}}}
		r.mapOf(url)
	})
}
