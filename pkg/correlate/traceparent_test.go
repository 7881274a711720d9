package correlate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	exampleTrace = "0af7651916cd43dd8448eb211c80319c"
	exampleSpan  = "b7ad6b7169203331"
)

func TestATraceparentIsReadAsTheSpecificationSays(t *testing.T) {
	ids := exampleTrace + "-" + exampleSpan
	read := map[string]string{
		"sampled":                  "00-" + ids + "-01",
		"not sampled":              "00-" + ids + "-00",
		"random":                   "00-" + ids + "-03",
		"flags nobody has defined": "00-" + ids + "-ff",
		"a later version":          "cc-" + ids + "-01",
		"a later, longer version":  "cc-" + ids + "-01-what-the-future-brings",
	}
	for name, header := range read {
		t.Run(name, func(t *testing.T) {
			trace, err := ParseTraceparent(header)
			require.NoError(t, err)
			require.Equal(t, "00-"+ids, trace.String()[:52])
			require.Equal(t, name != "not sampled", trace.Sampled())
			require.Zero(t, trace.Flags&^(FlagSampled|FlagRandom), "flags that are not defined are dropped")
		})
	}

	refused := map[string]string{
		"nothing":                     "",
		"no flags":                    "00-" + ids,
		"one digit of flags":          "00-" + ids + "-1",
		"three digits of flags":       "cc-" + ids + "-010",
		"version ff":                  "ff-" + ids + "-01",
		"version 00 with more":        "00-" + ids + "-01-more",
		"upper case":                  "00-" + strings.ToUpper(ids) + "-01",
		"a trace of zeros":            "00-" + strings.Repeat("0", 32) + "-" + exampleSpan + "-01",
		"a span of zeros":             "00-" + exampleTrace + "-" + strings.Repeat("0", 16) + "-01",
		"other separators":            "00_" + exampleTrace + "_" + exampleSpan + "_01",
		"something else than a digit": "00-" + strings.Replace(ids, "a", "g", 1) + "-01",
		"a space before":              " 00-" + ids + "-01",
	}
	for name, header := range refused {
		t.Run(name, func(t *testing.T) {
			trace, err := ParseTraceparent(header)
			require.ErrorContains(t, err, "traceparent: ")
			require.False(t, trace.IsValid())
		})
	}
}

func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{"", "00-" + exampleTrace + "-" + exampleSpan + "-01",
		"cc-" + exampleTrace + "-" + exampleSpan + "-ff-x", "ff-" + exampleTrace + "-" + exampleSpan + "-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		trace, err := ParseTraceparent(header)
		if err != nil {
			require.Equal(t, Trace{}, trace, "nothing is half read")
			return
		}
		require.True(t, trace.IsValid())
		require.Equal(t, header[3:52], trace.String()[3:52], "the ids are those of the header")
		again, err := ParseTraceparent(trace.String())
		require.NoError(t, err, "what is written can be read")
		require.Equal(t, trace, again)
	})
}

func TestEveryTraceAndEverySpanIsAnother(t *testing.T) {
	traces, spans := map[[16]byte]bool{}, map[[8]byte]bool{}
	for range 1000 {
		started := newTrace(true)
		child := started.child()
		require.Equal(t, started.TraceID, child.TraceID)
		traces[started.TraceID], spans[started.SpanID], spans[child.SpanID] = true, true, true
	}
	require.Len(t, traces, 1000)
	require.Len(t, spans, 2000)
}
