package ingest

import (
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeBoomerangErrors reads the errors of a beacon: JSURL or, in builds without compression, JSON. The names are those
// of compressErrors in boomerang's errors plugin.
func (d *reading) takeBoomerangErrors(b boomerangBeacon) {
	text := []byte(b["err"])
	if strings.HasPrefix(b["err"], "~") {
		json, err := jsurlToJSON(b["err"])
		if err != nil {
			d.list, d.index = "err", 0
			d.reject("the errors cannot be read: " + err.Error())
			return
		}
		text = json
	}
	if err := checkNesting(text); err != nil {
		d.list, d.index = "err", 0
		d.reject("the errors cannot be read: " + err.Error())
		return
	}
	d.json.ResetBytes(text)
	index := 0
	err := d.json.Arr(func(j *jx.Decoder) error {
		more := d.begin("err", index)
		index++
		if !more || j.Next() != jx.Object {
			return j.Skip()
		}
		i := &d.item
		i.ts = b.began()
		i.kind = "Error" // what boomerang leaves out
		if err := d.decodeBoomerangError(j, i, origin(d.claims.pageURL)); err != nil {
			return err
		}
		d.take((*reading).takeException)
		for n := len(d.beacon.Errors) - 1; n >= 0 && d.beacon.Errors[n].ViewID == ""; n-- {
			d.beacon.Errors[n].ViewID = safeID(b["pid"])
		}
		return nil
	})
	if err != nil {
		d.list, d.index = "err", index
		d.reject("the errors cannot be read: " + err.Error())
	}
}

func (d *reading) decodeBoomerangError(j *jx.Decoder, i *item, site string) error {
	return d.fields(j, func(key []byte) (err error) {
		text := ""
		switch string(key) {
		case "m":
			i.value, err = d.string(j, maxMessage)
		case "t":
			i.kind, err = d.string(j, maxName)
		case "d":
			text, err = d.string(j, maxName)
			if at, bad := strconv.ParseInt(text, 36, 64); bad == nil && at > 0 {
				i.ts = at
			}
		case "v":
			text, err = d.string(j, maxName)
			i.attributes = append(i.attributes, attribute{"kind", boomerangVia[text]})
		case "n":
			text, err = d.string(j, maxName)
			i.attributes = append(i.attributes, attribute{"count", text})
		case "c":
			text, err = d.string(j, maxName)
			i.attributes = append(i.attributes, attribute{"code", text})
		case "f":
			err = d.boomerangFrames(j, i, site)
		default: // what the user did before, and the site's own extra data
			err = j.Skip()
		}
		return err
	})
}

// boomerangVia is the kind of error by how boomerang came to know of it; those left out are exceptions.
var boomerangVia = map[string]string{"3": "network-error", "4": "console"}

func (d *reading) boomerangFrames(j *jx.Decoder, i *item, site string) error {
	if j.Next() != jx.Array {
		return j.Skip()
	}
	return j.Arr(func(j *jx.Decoder) error {
		if len(i.frames) >= maxFrames || j.Next() != jx.Object {
			return j.Skip()
		}
		f := rum.Frame{}
		err := d.fields(j, func(key []byte) (err error) {
			switch string(key) {
			case "l":
				f.Line, err = d.position(j)
			case "c":
				f.Column, err = d.position(j)
			case "f":
				f.Function, err = d.string(j, maxName)
			case "w":
				f.File, err = d.string(j, maxURL)
			case "wo": // on the page's own host
				f.File, err = d.string(j, maxURL-maxName)
				f.File = site + f.File
			default:
				err = j.Skip()
			}
			return err
		})
		i.frames = append(i.frames, f)
		return err
	})
}

// origin is the scheme and host of a URL.
func origin(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return cut(scheme+"://"+host, maxName)
}
