package ingest

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-faster/jx"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// reportsDecoder reads what browsers report by themselves: the list of the Reporting API (application/reports+json), or
// the one violation of a Content Security Policy with report-uri (application/csp-report).
type reportsDecoder struct{ reading }

func (d *reportsDecoder) decode(p *payload) error {
	if err := checkNesting(p.body); err != nil {
		return err
	}
	d.claimQuery(p.query)
	d.claims.sdkName = "reporting-api"
	d.json.ResetBytes(p.body)
	var err error
	switch d.json.Next() {
	case jx.Array:
		index := 0
		err = d.json.Arr(func(j *jx.Decoder) error {
			index++
			return d.decodeReport(j, index-1)
		})
	case jx.Object:
		err = d.decodeReport(&d.json, 0)
	default:
		return fmt.Errorf("the payload is neither a list of reports nor a report")
	}
	if err != nil {
		return fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	return d.ended("value")
}

// decodeReport reads {age, type, url, user_agent, body}, or {"csp-report": body}. Age is how many ms ago it happened.
func (d *reportsDecoder) decodeReport(j *jx.Decoder, index int) error {
	if !d.begin("reports", index) {
		return j.Skip()
	}
	if j.Next() != jx.Object {
		d.reject("not an object")
		return j.Skip()
	}
	i := &d.item
	userAgent := ""
	err := d.fields(j, func(key []byte) (err error) {
		switch string(key) {
		case "age":
			var age measure
			if age, err = d.measure(j); err == nil && rum.Valid(age.value) && age.value < math.MaxInt32 {
				i.ts = d.received - int64(age.value)
			}
		case "type":
			i.kind, err = d.string(j, maxName)
		case "url":
			i.page, err = d.string(j, maxURL)
		case "user_agent":
			userAgent, err = d.string(j, maxSelector)
		case "body":
			i.attributes, err = d.attributes(j, i.attributes)
		case "csp-report":
			i.kind = "csp-violation"
			i.attributes, err = d.attributes(j, i.attributes)
		default:
			err = j.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if i.page == "" {
		i.page = i.either("documentURL", "document-uri")
	}
	d.usePart(0, "", i.page)
	if userAgent != "" {
		d.claims.userAgent = userAgent
	}
	d.take((*reading).takeReport)
	return nil
}

// takeReport turns a report into an error. What it is of decides what groups it: the directive, the phase and type of a
// network error, the feature's id.
func (d *reading) takeReport(i *item) string {
	switch i.kind {
	case "csp-violation":
		return d.takePolicyViolation(i)
	case "network-error":
		if i.attribute("type") == "ok" {
			return d.skip("network report of a success")
		}
	case "crash", "deprecation", "intervention":
	case "":
		return "a report without a type"
	default:
		if !strings.HasSuffix(i.kind, "-violation") {
			return "a report of an unknown type: " + i.kind
		}
	}
	e := next(&d.beacon.Errors)
	e.Item = i.base()
	e.Kind = i.kind
	e.Handled = true
	switch i.kind {
	case "network-error":
		e.Type = cut(i.attribute("type"), maxName)
		e.Message = cut(i.attribute("method")+" "+i.page+" failed in phase "+i.attribute("phase")+": "+e.Type, maxMessage)
	case "crash":
		e.Type, e.Handled = cut(i.attribute("reason"), maxName), false
		e.Message = "the page crashed"
		if e.Type != "" {
			e.Message += ": " + e.Type
		}
	case "deprecation", "intervention":
		e.Type = cut(i.attribute("id"), maxName)
		e.Message = cut(i.attribute("message"), maxMessage)
	default: // the browser kept the page from doing what a policy forbids
		e.Kind, e.Type = "intervention", i.kind
		if e.Message = cut(i.attribute("message"), maxMessage); e.Message == "" {
			e.Message = cut(i.kind+" "+i.attribute("policyId"), maxMessage)
		}
	}
	e.Frames = i.reportedPlace()
	e.Attributes = copyAttributes(i.attributes, reportedElsewhere)
	return ""
}

// reportedPlace is where in a script a report points to.
func (i *item) reportedPlace() []rum.Frame {
	file := i.either("sourceFile", "source-file")
	if file == "" {
		return nil
	}
	return []rum.Frame{{File: cut(file, maxURL), Line: max(i.size("lineNumber"), i.size("line-number")),
		Column: max(i.size("columnNumber"), i.size("column-number"))}}
}

// reportedElsewhere names what has a field of its own, and the addresses that a network error repeats. server_ip is one
// of a server's, but an address all the same.
func reportedElsewhere(key string) bool {
	switch key {
	case "message", "id", "sourceFile", "lineNumber", "columnNumber", "reason", "type", "referrer", "server_ip", "stack":
		return true
	}
	return false
}
