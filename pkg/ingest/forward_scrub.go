package ingest

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// scrubTraces masks in spans what is masked in everything else that is stored: queries of addresses, and what looks
// like a person, a secret or an address in any text; attributes that name a person are dropped.
func scrubTraces(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		scrubMap(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			scrubMap(scope.Scope().Attributes())
			for _, span := range scope.Spans().All() {
				span.SetName(enrich.CleanText(span.Name()))
				span.Status().SetMessage(enrich.CleanText(span.Status().Message()))
				scrubMap(span.Attributes())
				for _, event := range span.Events().All() {
					event.SetName(enrich.CleanText(event.Name()))
					scrubMap(event.Attributes())
				}
				for _, link := range span.Links().All() {
					scrubMap(link.Attributes())
				}
			}
		}
	}
}

func scrubMap(attributes pcommon.Map) {
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
		return enrich.PrivateKey(key) || strings.HasPrefix(key, "enduser.") || key == "user.id" || key == "url.query" || key == "url.fragment"
	})
	for key, value := range attributes.All() {
		if key != "user_agent.original" { // its version numbers look like addresses
			scrubValue(value)
		}
	}
}

func scrubValue(value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if text := value.Str(); strings.Contains(text, "://") && !strings.ContainsAny(text, " \n") {
			value.SetStr(enrich.CleanURL(text))
		} else {
			value.SetStr(enrich.CleanText(text))
		}
	case pcommon.ValueTypeMap:
		scrubMap(value.Map())
	case pcommon.ValueTypeSlice:
		for _, one := range value.Slice().All() {
			scrubValue(one)
		}
	}
}
