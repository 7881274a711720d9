package ingest

import (
	"math"
	"strconv"
	"time"

	"github.com/go-faster/jx"
)

// fields reads the fields of an object, and skips anything that is not one.
func (d *reading) fields(j *jx.Decoder, field func(key []byte) error) error {
	if j.Next() != jx.Object {
		return j.Skip()
	}
	return j.ObjBytes(func(_ *jx.Decoder, key []byte) error { return field(key) })
}

// string reads a text, a number or a truth value as text of at most limit bytes. Anything else is "".
func (d *reading) string(j *jx.Decoder, limit int) (string, error) {
	switch j.Next() {
	case jx.String:
		b, err := j.StrBytes()
		if err != nil {
			return "", err
		}
		return d.texts.keepCut(b, limit), nil
	case jx.Number:
		n, err := j.Num()
		if err != nil {
			return "", err
		}
		return d.texts.keepCut(n, limit), nil
	case jx.Bool:
		b, err := j.Bool()
		return strconv.FormatBool(b), err
	default:
		return "", j.Skip()
	}
}

// timestamp reads an RFC 3339 time, or Unix milliseconds as a number, into Unix milliseconds.
func (d *reading) timestamp(j *jx.Decoder, i *item) (int64, error) {
	switch j.Next() {
	case jx.String:
		b, err := j.StrBytes()
		if err != nil {
			return 0, err
		}
		var t time.Time
		if err := t.UnmarshalText(b); err != nil {
			i.wrong = "the timestamp is not an RFC 3339 time"
			return 0, nil
		}
		return t.UnixMilli(), nil
	case jx.Number:
		n, err := j.Num()
		if err != nil {
			return 0, err
		}
		ms, err := n.Float64()
		if err != nil || math.Abs(ms) > 1e15 {
			i.wrong = "the timestamp is not a time in milliseconds"
			return 0, nil
		}
		return int64(ms), nil
	case jx.Null:
		return 0, j.Null()
	default:
		i.wrong = "the timestamp is not a time"
		return 0, j.Skip()
	}
}

// attributes reads a flat object of texts. Objects and lists inside it are left out.
func (d *reading) attributes(j *jx.Decoder, into []attribute) ([]attribute, error) {
	if j.Next() != jx.Object {
		return into, j.Skip()
	}
	err := j.ObjBytes(func(j *jx.Decoder, key []byte) error {
		if len(into) >= maxAttributes {
			return j.Skip()
		}
		switch j.Next() {
		case jx.String, jx.Number, jx.Bool:
		default:
			return j.Skip()
		}
		name := d.texts.keepCut(key, maxName)
		value, err := d.string(j, maxMessage)
		if err != nil {
			return err
		}
		into = append(into, attribute{key: name, value: value})
		return nil
	})
	return into, err
}

// values reads the numbers of a measurement. JSON has no NaN: browsers send null for it.
func (d *reading) values(j *jx.Decoder, i *item) error {
	return d.fields(j, func(key []byte) error {
		if len(i.values) >= maxAttributes {
			return j.Skip()
		}
		name := d.texts.keepCut(key, maxName)
		m, err := d.measure(j)
		m.key = name
		i.values = append(i.values, m)
		return err
	})
}

// measure reads a number; anything else is NaN.
func (d *reading) measure(j *jx.Decoder) (measure, error) {
	m := measure{value: math.NaN()}
	if j.Next() != jx.Number {
		return m, j.Skip()
	}
	n, err := j.Num()
	if err != nil {
		return m, err
	}
	if value, err := n.Float64(); err == nil {
		m.value = value
	}
	return m, nil
}
