package ingest

import (
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// consolePrefix is what Faro puts before the message of a console.error that it reports as an exception.
const consolePrefix = "console.error: "

// takeException turns an exception into an error. A client may say more in the context: "kind" for the errors that are
// not exceptions, "handled" for those the app caught itself. Faro's own SDK says neither; its fatal flag, where an app
// sets it, tells handled from not.
func (d *reading) takeException(i *item) string {
	if i.kind == "" && i.value == "" {
		return "an exception without type and value"
	}
	e := next(&d.beacon.Errors)
	e.Item = i.base()
	e.Kind = "exception"
	e.Type = i.kind
	e.Message = i.value
	e.Fingerprint = i.fingerprint
	e.Handled = i.attribute("handled") == "true" || i.hasFatal && !i.fatal
	if message, console := strings.CutPrefix(e.Message, consolePrefix); console {
		e.Kind, e.Message, e.Handled = "console", message, true
	}
	if kind := i.attribute("kind"); errorKinds[kind] {
		e.Kind = kind
	}
	e.Frames = append([]rum.Frame(nil), i.frames...)
	e.Attributes = copyAttributes(i.attributes,
		func(key string) bool { return key == "handled" || key == "kind" || isCorrelating(key) })
	return ""
}

var errorKinds = map[string]bool{
	"exception": true, "console": true, "resource": true, "csp-violation": true, "network-error": true, "crash": true,
	"deprecation": true, "intervention": true,
}

// stacktrace reads the frames, top first.
func (d *reading) stacktrace(j *jx.Decoder, i *item) error {
	return d.fields(j, func(key []byte) error {
		if string(key) != "frames" || j.Next() != jx.Array {
			return j.Skip()
		}
		return j.Arr(func(j *jx.Decoder) error {
			if len(i.frames) >= maxFrames || j.Next() != jx.Object {
				return j.Skip()
			}
			f := next(&i.frames)
			return j.ObjBytes(func(j *jx.Decoder, key []byte) (err error) {
				switch string(key) {
				case "filename":
					f.File, err = d.string(j, maxURL)
				case "function":
					f.Function, err = d.string(j, maxName)
				case "module":
					f.Module, err = d.string(j, maxName)
				case "lineno":
					f.Line, err = d.position(j)
				case "colno":
					f.Column, err = d.position(j)
				default:
					err = j.Skip()
				}
				if f.Function == "?" {
					f.Function = ""
				}
				return err
			})
		})
	})
}

func (d *reading) position(j *jx.Decoder) (uint32, error) {
	if j.Next() != jx.Number {
		return 0, j.Skip()
	}
	n, err := j.Num()
	if err != nil {
		return 0, err
	}
	value, err := n.Float64()
	if err != nil || value < 0 || value > 1<<31 {
		return 0, nil
	}
	return uint32(value), nil
}
