package store

import "github.com/sightline-rum/sightline/pkg/rum"

type vital = rum.Vital

func newVitals() *table[vital] {
	return &table[vital]{name: "vitals", fields: append(commonFields(func(v *vital) *rum.Item { return &v.Item }),
		word("metric", func(v *vital) string { return v.Metric }),
		text("metric_id", func(v *vital) string { return v.MetricID }),
		timestamp("reported_at", func(_ *rum.Beacon, v *vital) int64 { return v.ReportedAt }),
		number("value", func(v *vital) float64 { return v.Value }),
		number("bucket", func(v *vital) int16 { return rum.Bucket(v.Metric, v.Value) }),
		word("rating", rating),
		text("target", func(v *vital) string { return v.Target }),
		text("target_url", func(v *vital) string { return v.TargetURL }),
		word("interaction_type", func(v *vital) string { return v.InteractionType }),
		word("load_state", func(v *vital) string { return v.LoadState }),
		text("script_url", func(v *vital) string { return v.ScriptURL }),
		text("script_invoker", func(v *vital) string { return v.ScriptInvoker }),
		text("script_function", func(v *vital) string { return v.ScriptFunction }),
		numbers("parts", func(v *vital) map[string]float32 { return v.Parts }),
		word("party", blamedParty),
	)}
}

// rating of a Web Vital; a custom timing has none.
func rating(v *vital) string {
	if metric, ok := rum.MetricByKey(v.Metric); ok {
		return metric.Rating(v.Value)
	}
	return ""
}

// blamedParty is whose the script or resource is that a vital's attribution names; "" when it names none.
func blamedParty(v *vital) string {
	if v.Blamed() == "" {
		return ""
	}
	return party(v.ThirdParty)
}
