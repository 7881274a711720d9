package ingest

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeMeasurement turns a measurement into vitals: a Web Vital with its attribution, or one custom timing for each of
// its values.
func (d *reading) takeMeasurement(i *item) string {
	for n := range i.values {
		if v := &i.values[n]; v.key != "delta" && isMetric(i, v.key) && !rum.Valid(v.value) {
			return "a value is not a number of 0 or more: " + v.key
		}
	}
	if i.kind == "web-vitals" {
		return d.takeWebVital(i)
	}
	return d.takeTimings(i)
}

// isMetric tells the measured values from the parts that explain them.
func isMetric(i *item, key string) bool {
	if i.kind != "web-vitals" {
		return true
	}
	_, vital := rum.MetricByKey(key)
	return vital
}

// takeWebVital reads Faro's web-vitals measurement. Beside the metric's own value stand its sub-parts, and delta, the
// change since the last report, which is of no use: the last report wins.
func (d *reading) takeWebVital(i *item) string {
	id := safeID(i.attribute("id"))
	found := false
	for n := range i.values {
		key := i.values[n].key
		if _, vital := rum.MetricByKey(key); !vital {
			continue
		}
		found = true
		v := next(&d.beacon.Vitals)
		v.Item = i.base()
		v.Metric = key
		v.Value = i.values[n].value
		v.ReportedAt = i.ts
		v.ViewID = safeID(i.attribute("navigation_entry_id"))
		v.Navigation = navigationType(i.attribute("navigation_type"))
		v.LoadState = cut(i.attribute("load_state"), maxName)
		if v.MetricID = id; id == "" {
			v.MetricID = randomID()
		}
		if ms, ok := timeInID(id); ok && plausibleStart(ms, i.ts) {
			v.TS = ms
		}
		switch key {
		case "lcp":
			v.Target = cut(i.either("element", "target"), maxSelector)
			v.TargetURL = cut(i.attribute("resource_url"), maxURL)
		case "inp":
			v.Target = cut(i.either("interaction_target", "target"), maxSelector)
			v.InteractionType = cut(i.attribute("interaction_type"), maxName)
			v.ScriptURL = cut(i.attribute("longest_script_source_url"), maxURL)
			v.ScriptInvoker = cut(i.either("longest_script_invoker", "longest_script_invoker_type"), maxSelector)
			v.ScriptFunction = cut(i.attribute("longest_script_source_function_name"), maxName)
		case "cls":
			v.Target = cut(i.either("largest_shift_target", "target"), maxSelector)
		}
		v.Parts = parts(i)
		v.Attributes = copyAttributes(i.extras, nil)
	}
	if !found {
		return "no Web Vital among its values"
	}
	return ""
}

// parts are the measurement's other values: durations in ms, save largest_shift_value, which is a score.
func parts(i *item) map[string]float32 {
	var kept map[string]float32
	for n := range i.values {
		m := &i.values[n]
		if _, vital := rum.MetricByKey(m.key); vital || m.key == "delta" || !rum.Valid(m.value) {
			continue
		}
		if kept == nil {
			kept = make(map[string]float32, len(i.values))
		}
		kept[m.key] = float32(m.value)
	}
	return kept
}

// takeTimings turns each value of an app's own measurement into a custom timing, named "<type>.<value>", or like
// either one when the other says nothing. Nothing is reported twice here, so each has an id of its own.
func (d *reading) takeTimings(i *item) string {
	if len(i.values) == 0 {
		return "a measurement without values"
	}
	attributes := copyAttributes(i.attributes, nil)
	for n := range i.values {
		key := i.values[n].key
		if key == "delta" {
			continue
		}
		v := next(&d.beacon.Vitals)
		v.Item = i.base()
		v.Metric = timingName(i.kind, key)
		v.MetricID = randomID()
		v.Value = i.values[n].value
		v.ReportedAt = i.ts
		v.Attributes = attributes
	}
	return ""
}

// timingName never gives a custom timing the name of a Web Vital: its buckets and ratings would be taken for one.
func timingName(kind, key string) string {
	name := key
	switch {
	case kind != "" && kind != key && kind != "custom" && key != "value" && key != "duration":
		name = kind + "." + key
	case kind != "" && kind != "custom":
		name = kind
	}
	if _, vital := rum.MetricByKey(name); vital {
		name = "custom." + name
	}
	return cut(name, maxName)
}

// timeInID reads the time a metric began to be measured from the id that web-vitals gives it, "v5-<ms>-<random>".
func timeInID(id string) (int64, bool) {
	if !strings.HasPrefix(id, "v") {
		return 0, false
	}
	_, rest, _ := strings.Cut(id, "-")
	text, _, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, false
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return ms, err == nil
}

// plausibleStart of a metric lies before its report, but not longer than an item may be old.
func plausibleStart(start, reported int64) bool {
	return start <= reported+time.Minute.Milliseconds() && start >= reported-enrich.MaxAge.Milliseconds()
}

// navigationType folds the spellings of the browser and of web-vitals.
func navigationType(s string) string {
	switch s {
	case "back_forward":
		return "back-forward"
	case "back_forward_cache":
		return "back-forward-cache"
	}
	return cut(s, 32)
}

func randomID() string {
	return strconv.FormatUint(rand.Uint64()|1<<63, 16)
}
