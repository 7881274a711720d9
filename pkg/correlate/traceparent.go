package correlate

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
)

// Trace is a span's place in a trace, as W3C Trace Context (https://www.w3.org/TR/trace-context/) names it.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
	Flags   byte   // Sampled, and whatever else the caller set of the flags that are defined
	State   string // the tracestate header, which is handed on untouched
}

// The flags that W3C Trace Context defines: of level 1, and of level 2.
const (
	FlagSampled byte = 1 << iota // the caller may have recorded the trace
	FlagRandom                   // the trace id's last seven bytes are random
)

const knownFlags = FlagSampled | FlagRandom

// IsValid reports whether both ids are there. All zeros stand for none.
func (t Trace) IsValid() bool { return t.TraceID != [16]byte{} && t.SpanID != [8]byte{} }

// Sampled reports whether the trace may have been recorded.
func (t Trace) Sampled() bool { return t.Flags&FlagSampled != 0 }

// String is the traceparent header: "00-", 32 digits of the trace, 16 of the span, 2 of the flags.
func (t Trace) String() string { return string(t.append(make([]byte, 0, lengthOfVersion0))) }

func (t Trace) append(to []byte) []byte {
	to = append(to, "00-"...)
	to = hex.AppendEncode(to, t.TraceID[:])
	to = append(to, '-')
	to = hex.AppendEncode(to, t.SpanID[:])
	to = append(to, '-')
	return hex.AppendEncode(to, []byte{t.Flags})
}

const lengthOfVersion0 = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// ParseTraceparent reads a traceparent header, of a version that is not known yet as far as it looks like version 00. Flags
// that are not defined are dropped, as the specification demands.
func ParseTraceparent(header string) (Trace, error) {
	var t Trace
	var version, flags [1]byte
	if len(header) < lengthOfVersion0 || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Trace{}, errors.New("traceparent: not of the form 00-<32 digits>-<16 digits>-<2 digits>")
	}
	for _, part := range []struct {
		into []byte
		text string
	}{{version[:], header[:2]}, {t.TraceID[:], header[3:35]}, {t.SpanID[:], header[36:52]}, {flags[:], header[53:55]}} {
		if !readHex(part.into, part.text) {
			return Trace{}, errors.New("traceparent: something else than digits 0-9 and a-f")
		}
	}
	switch {
	case version[0] == 0xff:
		return Trace{}, errors.New("traceparent: version ff is forbidden")
	case version[0] == 0 && len(header) > lengthOfVersion0:
		return Trace{}, errors.New("traceparent: too long for version 00")
	case len(header) > lengthOfVersion0 && header[lengthOfVersion0] != '-':
		return Trace{}, errors.New("traceparent: flags of more than two digits")
	case !t.IsValid():
		return Trace{}, errors.New("traceparent: an id of zeros")
	}
	t.Flags = flags[0] & knownFlags
	return t, nil
}

// readHex fills into from lower-case digits; upper case is not allowed in traceparent.
func readHex(into []byte, text string) bool {
	for i := range into {
		high, low := digit(text[2*i]), digit(text[2*i+1])
		if high > 0xf || low > 0xf {
			return false
		}
		into[i] = high<<4 | low
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// newTrace starts a trace. Its ids come from a generator without a lock that nobody can predict in practice (ChaCha8);
// an id is a name and not a secret.
func newTrace(sampled bool) Trace {
	t := Trace{Flags: FlagRandom}
	if sampled {
		t.Flags |= FlagSampled
	}
	for !t.IsValid() {
		random(t.TraceID[:])
		random(t.SpanID[:])
	}
	return t
}

// child is another span of the same trace.
func (t Trace) child() Trace {
	t.SpanID = [8]byte{}
	for !t.IsValid() {
		random(t.SpanID[:])
	}
	return t
}

func random(into []byte) {
	for i := 0; i < len(into); i += 8 {
		for n, bits := 0, rand.Uint64(); n < 8; n, bits = n+1, bits>>8 {
			into[i+n] = byte(bits)
		}
	}
}

const maxRequestID = 128

// usableID keeps request ids to what UUIDs, ULIDs and the ids of proxies are made of: they go into headers and logs.
func usableID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-_.:=+/@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func newRequestID() string {
	var id [16]byte
	random(id[:])
	return hex.EncodeToString(id[:])
}

// joined is one header of several, as HTTP has it.
func joined(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}
