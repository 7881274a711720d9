package ingest

import (
	"strconv"

	"github.com/go-faster/jx"
)

// faroDecoder reads the Faro protocol, which our own agent speaks too, straight from its JSON into the normal form.
//
// The payload's own order does not matter: items are read where they stand, and what depends on the meta object or on
// the other items is filled in at the end.
type faroDecoder struct{ reading }

func (d *faroDecoder) decode(p *payload) error {
	err := d.object(p.body, func(j *jx.Decoder, key []byte) error {
		switch string(key) {
		case "meta":
			return d.decodeMeta(j)
		case "measurements":
			return d.decodeList(j, "measurements", (*reading).takeMeasurement)
		case "exceptions":
			return d.decodeList(j, "exceptions", (*reading).takeException)
		case "events":
			return d.decodeList(j, "events", (*reading).takeEvent)
		case "logs":
			return d.decodeList(j, "logs", (*reading).takeLog)
		case "traces":
			return d.decodeTraces(j)
		default:
			return j.Skip()
		}
	})
	if err == nil && d.claims.appName == "" {
		d.claims.appHint = "set meta.app.name"
	}
	return err
}

// decodeList reads one list of items and hands each to take, which returns why an item cannot be taken, or "".
func (d *reading) decodeList(j *jx.Decoder, list string, take func(*reading, *item) string) error {
	if j.Next() != jx.Array {
		if j.Next() != jx.Null {
			d.list, d.index = list, 0
			d.reject("not a list")
		}
		return j.Skip()
	}
	index := 0
	return j.Arr(func(j *jx.Decoder) error {
		more := d.begin(list, index)
		index++
		if !more {
			return j.Skip()
		}
		if j.Next() != jx.Object {
			d.reject("not an object")
			return j.Skip()
		}
		if err := d.decodeItem(j, &d.item); err != nil {
			return err
		}
		d.take(take)
		return nil
	})
}

func (d *reading) decodeItem(j *jx.Decoder, i *item) error {
	return j.ObjBytes(func(j *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "timestamp":
			i.ts, err = d.timestamp(j, i)
		case "type":
			i.kind, err = d.string(j, maxName)
		case "name":
			i.name, err = d.string(j, maxName)
		case "value":
			i.value, err = d.string(j, maxMessage)
		case "message":
			i.message, err = d.string(j, maxMessage)
		case "level":
			i.level, err = d.string(j, maxName)
		case "fingerprint":
			i.fingerprint, err = d.string(j, maxName)
		case "fatal":
			if j.Next() != jx.Bool {
				return j.Skip()
			}
			i.hasFatal = true
			i.fatal, err = j.Bool()
		case "context", "attributes":
			i.attributes, err = d.attributes(j, i.attributes)
		case "values":
			err = d.values(j, i)
		case "stacktrace":
			err = d.stacktrace(j, i)
		case "trace":
			err = d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "trace_id":
					i.traceID, err = d.string(j, maxID)
				case "span_id":
					i.spanID, err = d.string(j, maxID)
				case "trace_flags":
					var flags string
					flags, err = d.string(j, maxID)
					set, wrong := strconv.ParseUint(flags, 16, 8)
					i.unsampled = wrong == nil && set&1 == 0
				default:
					err = j.Skip()
				}
				return err
			})
		case "action":
			err = d.fields(j, func(key []byte) (err error) {
				switch string(key) {
				case "id":
					i.actionID, err = d.string(j, maxID)
				case "parentId":
					i.actionParent, err = d.string(j, maxID)
				default:
					err = j.Skip()
				}
				return err
			})
		default:
			err = j.Skip()
		}
		return err
	})
}
