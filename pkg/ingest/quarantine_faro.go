package ingest

import "encoding/json"

// faroItemOf makes a Faro payload of one item.
func faroItemOf(p *payload) itemOf {
	var all map[string]json.RawMessage
	if json.Unmarshal(p.body, &all) != nil {
		return nothingOf
	}
	var meta any
	_ = json.Unmarshal(all["meta"], &meta)
	lists := map[string][]json.RawMessage{}
	return func(r rejection) json.RawMessage {
		if _, known := faroLists[r.List]; !known {
			return nil
		}
		list, read := lists[r.List]
		if !read {
			_ = json.Unmarshal(all[r.List], &list)
			lists[r.List] = list
		}
		if r.Index >= len(list) {
			return nil
		}
		var item any
		if json.Unmarshal(list[r.Index], &item) != nil {
			return nil
		}
		return raw(map[string]any{"meta": faroMeta(meta), r.List: []any{faroItem(item)}})
	}
}

// nothingOf is itemOf a payload that cannot be taken apart.
func nothingOf(rejection) json.RawMessage { return nil }

var faroLists = map[string]struct{}{"measurements": {}, "exceptions": {}, "events": {}, "logs": {}}

type keepers = map[string]keeper

var faroItem = object(keepers{
	"timestamp": label, "type": plain, "name": plain, "domain": plain, "value": plain, "message": plain, "level": plain,
	"fingerprint": plain, "fatal": plain, "context": free, "attributes": free, "values": free,
	"stacktrace": object(keepers{"frames": listOf(object(keepers{
		"filename": plain, "function": plain, "lineno": plain, "colno": plain, "module": plain}))}),
	"trace":  object(keepers{"trace_id": id, "span_id": id}),
	"action": object(keepers{"name": plain, "id": id, "parentId": id}),
})

// faroMeta is without the user, who is known by a hash alone.
var faroMeta = object(keepers{
	"sdk":     object(keepers{"name": label, "version": label}),
	"app":     object(keepers{"name": label, "namespace": label, "release": label, "version": label, "environment": label}),
	"session": object(keepers{"id": id, "attributes": free}),
	"page":    object(keepers{"id": plain, "url": plain}),
	"view":    object(keepers{"name": plain}),
	"browser": object(keepers{"name": label, "version": label, "os": label, "mobile": plain, "userAgent": userAgent, "language": label,
		"viewportWidth": label, "viewportHeight": label}),
})
