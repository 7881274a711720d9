package ingest

import "encoding/json"

// elementOf makes a payload of one element of a list, for formats whose payloads are a list or a single element.
func elementOf(keep keeper) func(p *payload) itemOf {
	return func(p *payload) itemOf {
		var list []json.RawMessage
		if json.Unmarshal(p.body, &list) != nil {
			list = []json.RawMessage{p.body}
		}
		return func(r rejection) json.RawMessage {
			var element any
			if r.Index >= len(list) || json.Unmarshal(list[r.Index], &element) != nil {
				return nil
			}
			return raw(keep(element))
		}
	}
}

// metric is an object of the web-vitals library, to which sites add fields of their own.
var metric = openObject(keepers{
	"name": label, "id": id, "navigationType": label, "navigation_type": label, "timestamp": label,
	"attribution": openObject(keepers{"longestScript": openObject(keepers{"entry": free})}),
	"entries":     nil,
})

// report is what a browser reports by itself.
var report = object(keepers{
	"age": plain, "type": label, "url": plain, "user_agent": userAgent, "body": reported, "csp-report": reported,
})

// reported is without the address that led to the page, the address of the server, and the sample of a script.
var reported = object(keepers{
	"documentURL": plain, "document-uri": plain, "blockedURL": plain, "blockedURI": plain, "blocked-uri": plain,
	"effectiveDirective": label, "effective-directive": label, "violatedDirective": label, "violated-directive": label,
	"disposition": label, "statusCode": plain, "status_code": plain, "status-code": plain,
	"sourceFile": plain, "source-file": plain, "lineNumber": plain, "line-number": plain, "columnNumber": plain, "column-number": plain,
	"type": label, "phase": label, "method": label, "protocol": label, "elapsed_time": plain, "sampling_fraction": plain,
	"id": plain, "message": plain, "reason": label, "anticipatedRemoval": label, "policyId": label, "featureId": label,
})
