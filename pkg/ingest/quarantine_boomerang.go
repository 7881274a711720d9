package ingest

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// boomerangItemOf makes a boomerang beacon, a form, of one of the things that another told. Of errors, which stand packed
// in one field, only the reason is kept.
func boomerangItemOf(p *payload) itemOf {
	b := boomerangBeacon{}
	keep := func(key, value string) { b[key] = cut(value, maxMessage) }
	eachField(p.query, maxFields, keep)
	eachField(string(p.body), maxFields, keep)
	return func(r rejection) json.RawMessage {
		form := url.Values{}
		take := func(keys map[string]func(string) string) {
			for key, clean := range keys {
				if value, there := b[key]; there {
					form.Set(key, clean(value))
				}
			}
		}
		take(boomerangPage)
		switch {
		case r.List == boomerangHappening:
			take(boomerangOwn)
			return raw(form.Encode())
		case r.List == "t_other":
			timers := strings.Split(b["t_other"], ",")
			if r.Index >= len(timers) {
				return nil
			}
			form.Set("t_other", enrich.CleanText(timers[r.Index]))
		default:
			fields := boomerangVitalFields(r.List)
			if fields == nil {
				return nil
			}
			take(fields)
		}
		// Only a beacon of its own kind tells of no page load.
		form.Set("http.initiator", "error")
		if start := b["nt_nav_st"]; start != "" && b["http.initiator"] == "" {
			form.Set("rt.nstart", enrich.CleanLabel(start))
		}
		return raw(form.Encode())
	}
}

// boomerangVitalFields are what tells a vital, or nil.
func boomerangVitalFields(field string) map[string]func(string) string {
	for _, vital := range boomerangVitals {
		if vital.field == field {
			fields := map[string]func(string) string{field: enrich.CleanLabel}
			for _, explains := range []string{vital.target, vital.url, vital.selector} {
				if explains != "" {
					fields[explains] = cleanString
				}
			}
			return fields
		}
	}
	return nil
}

// boomerangPage is what every beacon says of its page, and how it is scrubbed.
var boomerangPage = map[string]func(string) string{
	"v": enrich.CleanLabel, "u": cleanString, "pgu": cleanString, "rt.si": enrich.CleanID, "pid": enrich.CleanID,
	"rt.tstart": enrich.CleanLabel, "rt.end": enrich.CleanLabel, "rt.nstart": enrich.CleanLabel, "c.e": enrich.CleanLabel,
	"h.pg": enrich.CleanText, "mob.etype": enrich.CleanLabel, "ua.plt": enrich.CleanLabel, "scr.xy": enrich.CleanLabel,
}

// boomerangOwn is what tells a page load, a route change or a request.
var boomerangOwn = func() map[string]func(string) string {
	own := map[string]func(string) string{"http.initiator": enrich.CleanLabel, "rt.quit": enrich.CleanLabel}
	for key := range strings.FieldsSeq(`t_done http.type http.method http.errno nt_nav_type nt_trn_size nt_nav_st nt_red_st
		nt_red_end nt_dns_st nt_dns_end nt_ssl_st nt_con_st nt_con_end nt_req_st nt_res_end nt_domloading nt_domcomp
		nt_domcontloaded_st nt_domcontloaded_end nt_load_st nt_load_end`) {
		own[key] = enrich.CleanLabel
	}
	return own
}()
