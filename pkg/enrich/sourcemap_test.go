package enrich

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

const bundles = "../sourcemap/testdata/bundles"

// thrown is the error that a real bundle threw, with the frames its engine wrote.
func thrown(t testing.TB, bundler string) rum.Error {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bundles, bundler+".error.json"))
	require.NoError(t, err)
	var faro struct {
		Type, Value string
		Stacktrace  struct {
			Frames []struct {
				Function, Filename string
				Lineno, Colno      uint32
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &faro))
	e := rum.Error{Kind: "exception", Type: faro.Type, Message: faro.Value}
	for _, f := range faro.Stacktrace.Frames {
		if f.Function == "?" {
			f.Function = ""
		}
		e.Frames = append(e.Frames, rum.Frame{Function: f.Function, File: f.Filename, Line: f.Lineno, Column: f.Colno})
	}
	return e
}

// mapsOf uploads the map of a real bundle for one release.
func mapsOf(t testing.TB, app, release, bundler string) *sourcemap.Store {
	t.Helper()
	maps, err := sourcemap.Open(t.TempDir(), sourcemap.Limits{})
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(bundles, bundler+".*.js.map"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, maps.Put(app, release, "assets/js/"+filepath.Base(files[0]), content))
	return maps
}

func lines(frames []rum.Frame) (all []string) {
	for _, f := range frames {
		all = append(all, fmt.Sprintf("%s %s:%d:%d", f.Function, f.File, f.Line, f.Column))
	}
	return all
}

// want is where the source throws, and how it came there. The two last frames are the module's own code.
var want = []string{
	"amountOf src/cart.ts:20:25",
	" src/cart.ts:15:57", // the arrow function given to reduce
	"total src/cart.ts:15:26",
	"payForEverything src/checkout.ts:4:17",
	"startCheckout src/checkout.ts:10:3",
	" src/main.ts:4:3",
}

func TestTheStackOfARealBundleIsReadWithItsMap(t *testing.T) {
	for _, bundler := range []string{"esbuild", "webpack"} {
		t.Run(bundler, func(t *testing.T) {
			p := pipeline(t, Config{SourceMaps: mapsOf(t, "shop", "1.0", bundler)})
			b := &rum.Beacon{Context: rum.Context{App: "shop", Release: "1.0"}, Errors: []rum.Error{thrown(t, bundler)}}
			raw := thrown(t, bundler).Frames
			p.AtDrain(b)
			got := lines(b.Errors[0].Mapped)
			if bundler == "webpack" { // its map does not name what it calls through the module's exports
				require.Equal(t, " src/checkout.ts:10:3", got[4])
				got[4] = want[4]
			}
			require.Equal(t, want, got[:len(want)])
			require.Equal(t, raw, b.Errors[0].Frames, "what the browser wrote stays")
		})
	}
}

func TestOnlyTheMapsOfTheAppAndReleaseAreUsed(t *testing.T) {
	counted := int64(0)
	p := pipeline(t, Config{SourceMaps: mapsOf(t, "shop", "1.0", "esbuild"), Count: func(_, _, counter, _ string, n int64) {
		if counter == "source_mapped" {
			counted += n
		}
	}})
	for _, c := range []rum.Context{{App: "shop", Release: "1.1"}, {App: "blog", Release: "1.0"}, {App: "shop"}} {
		b := &rum.Beacon{Context: c, Errors: []rum.Error{thrown(t, "esbuild")}}
		p.AtDrain(b)
		require.Empty(t, b.Errors[0].Mapped)
	}
	require.Zero(t, counted)
	b := &rum.Beacon{Context: rum.Context{App: "shop", Release: "1.0"}, Errors: []rum.Error{thrown(t, "esbuild"), {Message: "no stack"}}}
	p.AtDrain(b)
	require.Empty(t, b.Errors[1].Mapped)
	require.EqualValues(t, 1, counted)
}

// Two builds of the same source by two bundlers, with other names, files and positions.
func TestTheSameErrorOfTwoBuildsIsOneGroup(t *testing.T) {
	group := func(bundler string) string {
		p := pipeline(t, Config{SourceMaps: mapsOf(t, "shop", "1.0", bundler)})
		b := &rum.Beacon{Context: rum.Context{App: "shop", Release: "1.0", PageURL: "https://shop.example/"}, Errors: []rum.Error{thrown(t, bundler)}}
		p.AtDrain(b)
		return b.Errors[0].Fingerprint
	}
	require.Equal(t, group("esbuild"), group("webpack"))

	unmapped := pipeline(t, Config{})
	b := &rum.Beacon{Context: rum.Context{App: "shop", PageURL: "https://shop.example/"}, Errors: []rum.Error{thrown(t, "esbuild")}}
	unmapped.AtDrain(b)
	require.NotEqual(t, group("esbuild"), b.Errors[0].Fingerprint)
}

// A client may leave native frames out of a stack, or not.
func TestAFunctionIsNotNamedByWhatCallsItBack(t *testing.T) {
	require.Equal(t, "", originalName("", "reduce"))
	require.Equal(t, "reduce", originalName("t", "reduce"), "a function of that name")
	require.Equal(t, "async pay", originalName("async e", "pay"))
	require.Equal(t, "new Basket", originalName("new n", "Basket"))
	require.Equal(t, "total", originalName("n.total", ""))
	require.Equal(t, "Cart.total", originalName("Cart.total", ""))
	require.Equal(t, "", originalName("r", ""))
}
