package ingest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// boomerangDecoder reads boomerang's beacons: fields in the address (GET), or in the body as a form (POST). What the
// site adds to the address, its app's name among it, is in the same place.
//
// One beacon is one happening: a page load, a route change, an XHR, an error, or the end of a page. Each carries what was
// measured since the one before.
type boomerangDecoder struct {
	reading
	boomerangBeacon
}

// boomerangBeacon is the fields of one beacon by name.
type boomerangBeacon map[string]string

func (d *boomerangDecoder) decode(p *payload) error {
	if d.boomerangBeacon == nil {
		d.boomerangBeacon = boomerangBeacon{}
	}
	b := d.boomerangBeacon
	clear(b)
	d.claimQuery(p.query)
	keep := func(key, value string) {
		if limit := boomerangLimit(key); len(value) > limit {
			value = cut(value, limit)
		}
		b[cut(key, maxName)] = value
	}
	eachField(p.query, maxFields, keep)
	eachField(string(p.body), maxFields, keep)
	if b["v"] == "" && b["rt.end"] == "" && b["rt.si"] == "" && b["u"] == "" {
		return fmt.Errorf("no boomerang beacon: there is none of its fields v, u, rt.si and rt.end")
	}
	d.claim(b)
	d.takeBeacon(b)
	return nil
}

// boomerangLimit is how long a field may be: errors come with their stacks.
func boomerangLimit(key string) int {
	if key == "err" {
		return 64 << 10
	}
	return maxMessage
}

// claim reads what a beacon says of the visit. Its own session stands in where the address names none; the page of an
// XHR is pgu, its address u.
func (d *reading) claim(b boomerangBeacon) {
	m := &d.claims
	m.sdkName = "boomerang"
	if version := b["v"]; !strings.HasPrefix(version, "%") { // a build's placeholder
		m.sdkVersion = cut(version, 32)
	}
	if m.sessionID == "" {
		m.sessionID = cut(b["rt.si"], maxName)
	}
	m.pageURL = cut(b.either("pgu", "u"), maxURL)
	if b["http.initiator"] != "xhr" && b["u"] != "" {
		m.pageURL = cut(b["u"], maxURL)
	}
	m.connection = b["mob.etype"]
	m.platform = cut(b["ua.plt"], 64)
	if width, height, ok := strings.Cut(b["scr.xy"], "x"); ok && m.width == "" {
		m.width, m.height = width, height
	}
	if m.view == "" {
		m.view = cut(b["h.pg"], maxName) // the page group
	}
}

func (b boomerangBeacon) either(keys ...string) string {
	for _, key := range keys {
		if value := b[key]; value != "" {
			return value
		}
	}
	return ""
}

// number is a field in base 10; what is none, or negative, is not known.
func (b boomerangBeacon) number(key string) (float64, bool) {
	value, err := strconv.ParseFloat(b[key], 64)
	return value, err == nil && rum.Valid(value)
}

func (b boomerangBeacon) millis(key string) float32 {
	value, _ := b.number(key)
	return float32(value)
}

// between is the time from one of the timestamps to another in ms, 0 unless both are known in this order.
func (b boomerangBeacon) between(from, to string) float32 {
	start, end := b.stamp(from), b.stamp(to)
	if start == 0 || end < start {
		return 0
	}
	return float32(end - start)
}

// stamp is a field in Unix milliseconds, 0 when it is not known.
func (b boomerangBeacon) stamp(key string) int64 {
	value, ok := b.number(key)
	if !ok || value > math.MaxInt64/2 {
		return 0
	}
	return int64(value)
}

// began is when what the beacon tells began.
func (b boomerangBeacon) began() int64 {
	if start := b.stamp("nt_nav_st"); start != 0 && b["http.initiator"] == "" {
		return start
	}
	return b.stamp("rt.tstart")
}

// pageBegan is when the page of a beacon began, so that all reports of a metric fall into the same hour. The beacons of
// errors do not tell it: then it is what an earlier one has told, else when boomerang started (c.e, in base 36).
func (d *reading) pageBegan(b boomerangBeacon) int64 {
	key := "boomerang\x00" + d.claims.appName + "\x00" + b["pid"]
	for _, field := range [...]string{"nt_nav_st", "rt.nstart"} {
		if start := b.stamp(field); start != 0 && (field != "nt_nav_st" || b["http.initiator"] == "") {
			d.told.loads.Add(key, pageLoad{timeOrigin: start})
			return start
		}
	}
	if load, known := d.told.loads.Get(key); known {
		return load.timeOrigin
	}
	if start, err := strconv.ParseInt(b["c.e"], 36, 64); err == nil && start > 0 {
		return start
	}
	return b.began()
}

// boomerangHappening names what a beacon tells of, where it is rejected; the rest is named by its field.
const boomerangHappening = "beacon"

// takeBeacon takes a beacon apart: the happening itself, and what was measured since the one before.
func (d *reading) takeBeacon(b boomerangBeacon) {
	page := d.pageBegan(b)
	tell := func(list string, index int, how func(*reading, *item) string) {
		if d.begin(list, index) {
			if d.item.ts = page; list == boomerangHappening || list == "t_other" {
				d.item.ts = b.began()
			}
			d.take(how)
		}
	}
	_, quit := b["rt.quit"]
	switch initiator := b["http.initiator"]; {
	case initiator == "xhr":
		tell(boomerangHappening, 0, func(d *reading, i *item) string { return d.takeBoomerangRequest(i, b) })
	case initiator == "spa" || initiator == "spa_hard" || initiator == "" && !quit:
		tell(boomerangHappening, 0, func(d *reading, i *item) string { return d.takeBoomerangView(i, b, initiator) })
	}
	for _, vital := range boomerangVitals {
		if _, told := b[vital.field]; told {
			tell(vital.field, 0, func(d *reading, i *item) string { return d.takeBoomerangVital(i, b, vital) })
		}
	}
	if b.stamp("nt_nav_st") != 0 && b.stamp("nt_res_st") != 0 && !quit {
		tell("nt_res_st", 0, func(d *reading, i *item) string {
			b["ttfb"] = strconv.FormatInt(b.stamp("nt_res_st")-b.stamp("nt_nav_st"), 10)
			return d.takeBoomerangVital(i, b, boomerangVital{metric: "ttfb", field: "ttfb"})
		})
	}
	if !quit { // the last beacon of a page repeats them
		for n, timer := range strings.Split(b["t_other"], ",") {
			if name, value, ok := strings.Cut(timer, "|"); ok && !boomerangTimer(name) {
				tell("t_other", n, func(d *reading, i *item) string { return d.takeBoomerangTimer(i, name, value) })
			}
		}
	}
	if b["err"] != "" {
		d.takeBoomerangErrors(b)
	}
	if d.total == 0 { // a beacon that says no more than that it was sent
		tell(boomerangHappening, 0, func(d *reading, _ *item) string { return d.skip("boomerang beacon without a measurement") })
	}
}

// boomerangTimer says whether a timer is boomerang's of itself or its browser's, and not the site's.
func boomerangTimer(name string) bool {
	switch name {
	case "boomerang", "boomr_fb", "boomr_ld", "boomr_lat", "boomr_to", "t_domloaded":
		return true
	}
	return false
}

// takeBoomerangView turns a page load or a route change into a view.
func (d *reading) takeBoomerangView(i *item, b boomerangBeacon, initiator string) string {
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.ViewID = safeID(b["pid"])
	v.Kind = rum.ViewLoad
	v.Path = pathOfURL(d.claims.pageURL)
	v.Duration = b.millis("t_done")
	if initiator == "spa" {
		// All route changes of a page have its id.
		v.Kind, v.Navigation = rum.ViewRouteChange, rum.ViewRouteChange
		v.PreviousViewID, v.ViewID = v.ViewID, "r"+strconv.FormatInt(v.TS, 36)+randomID()[:6]
		return ""
	}
	switch b["nt_nav_type"] {
	case "0":
		v.Navigation = "navigate"
	case "1":
		v.Navigation = "reload"
	case "2":
		v.Navigation = "back-forward"
	}
	v.Redirect = b.between("nt_red_st", "nt_red_end")
	v.DNS = b.between("nt_dns_st", "nt_dns_end")
	v.TLS = b.between("nt_ssl_st", "nt_con_end")
	v.TCP = max(0, b.between("nt_con_st", "nt_con_end")-v.TLS)
	v.Request = b.between("nt_req_st", "nt_res_st")
	v.Response = b.between("nt_res_st", "nt_res_end")
	v.DOM = b.between("nt_domloading", "nt_domcomp")
	v.DOMContentLoaded = b.between("nt_domcontloaded_st", "nt_domcontloaded_end")
	v.Load = b.between("nt_load_st", "nt_load_end")
	v.TTFB = b.between("nt_nav_st", "nt_res_st")
	v.TransferSize = uint32(min(b.millis("nt_trn_size"), math.MaxInt32))
	return ""
}

// takeBoomerangRequest turns an XHR or fetch that boomerang has timed into a request. Its errno is the HTTP status of a
// failure, or a negative code of boomerang's own.
func (d *reading) takeBoomerangRequest(i *item, b boomerangBeacon) string {
	url := b["u"]
	if url == "" {
		return "an XHR without u"
	}
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: "xhr", Host: cut(host, maxName), Path: cut(path, maxURL)}
	if b["http.type"] == "f" {
		r.Kind = "fetch"
	}
	r.ViewID = safeID(b["pid"])
	if r.Method = method(b["http.method"]); r.Method == "" {
		r.Method = "GET" // boomerang names all others
	}
	r.Duration = b.millis("t_done")
	r.DNS = b.between("nt_dns_st", "nt_dns_end")
	r.TLS = b.between("nt_ssl_st", "nt_con_end")
	r.TCP = max(0, b.between("nt_con_st", "nt_con_end")-r.TLS)
	r.Wait = b.between("nt_req_st", "nt_res_st")
	r.Response = b.between("nt_res_st", "nt_res_end")
	switch errno, err := strconv.Atoi(b["http.errno"]); {
	case err != nil:
	case errno == -999:
		r.Failure = "abort"
	case errno == -1001:
		r.Failure = "timeout"
	case errno < 0:
		r.Failure = "network"
	default:
		r.Status = status(float64(errno))
		r.Failure = failure(r.Status, true, "")
	}
	return d.addRequest(i, r, sourceTiming)
}

// takeBoomerangTimer turns a timer that the site set into a custom timing.
func (d *reading) takeBoomerangTimer(i *item, name, text string) string {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !rum.Valid(value) {
		return "a timer is not a number of 0 or more: " + cut(name, maxName)
	}
	v := next(&d.beacon.Vitals)
	v.Item = i.base()
	v.Metric, v.MetricID = timingName(cut(name, maxName), "value"), randomID()
	v.Value, v.ReportedAt = value, d.received
	return ""
}
