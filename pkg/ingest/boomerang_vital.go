package ingest

// boomerangVital is where boomerang has a Web Vital and what explains it.
type boomerangVital struct {
	metric, field         string
	target, url, selector string
}

// et.inp is that of the whole page and comes with its last beacon; et.inp.inc, that since the beacon before, is left
// out: it would replace a worse one.
var boomerangVitals = []boomerangVital{
	{metric: "fcp", field: "pt.fcp"},
	{metric: "lcp", field: "pt.lcp", target: "pt.lcp.e", url: "pt.lcp.src", selector: "pt.lcp.el"},
	{metric: "inp", field: "et.inp", target: "et.inp.e"},
	{metric: "cls", field: "c.cls", target: "c.cls.topid"},
}

// takeBoomerangVital turns a field into a vital. Its id is made of the page's, so that a later report of the same page
// replaces it. Layout shifts are told piece by piece and summed up here.
func (d *reading) takeBoomerangVital(i *item, b boomerangBeacon, vital boomerangVital) string {
	value, ok := b.number(vital.field)
	if !ok {
		return "a value is not a number of 0 or more: " + vital.metric
	}
	page := safeID(b["pid"])
	if vital.metric == "cls" && page != "" {
		value = d.told.shift(d.claims.appName+"\x00"+page, value)
	}
	v := next(&d.beacon.Vitals)
	v.Item = i.base()
	v.ViewID = page
	v.Metric, v.Value, v.ReportedAt = vital.metric, value, d.received
	if v.MetricID = randomID(); page != "" {
		v.MetricID = "boomerang-" + page + "-" + vital.metric
	}
	if v.Target = cut(b[vital.target], maxSelector); v.Target == "" {
		v.Target = cut(b[vital.selector], maxSelector)
	}
	v.TargetURL = cut(b[vital.url], maxURL)
	return ""
}
