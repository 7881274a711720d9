package store

import "github.com/sightline-rum/sightline/pkg/rum"

type request = rum.Request

// durationGrid is the histogram grid of request durations: that of a custom timing, which has no thresholds.
const durationGrid = ""

func newRequests() *table[request] {
	return &table[request]{name: "requests", fields: append(commonFields(func(r *request) *rum.Item { return &r.Item }),
		word("kind", func(r *request) string { return r.Kind }),
		word("method", func(r *request) string { return r.Method }),
		word("host", func(r *request) string { return r.Host }),
		text("path", func(r *request) string { return r.Path }),
		word("endpoint", func(r *request) string { return r.Endpoint }),
		word("party", func(r *request) string { return party(r.ThirdParty) }),
		number("status", func(r *request) uint16 { return r.Status }),
		word("failure", func(r *request) string { return r.Failure }),
		number("duration", func(r *request) float32 { return r.Duration }),
		number("bucket", func(r *request) int16 { return rum.Bucket(durationGrid, float64(r.Duration)) }),
		number("dns", func(r *request) float32 { return r.DNS }),
		number("tcp", func(r *request) float32 { return r.TCP }),
		number("tls", func(r *request) float32 { return r.TLS }),
		number("wait", func(r *request) float32 { return r.Wait }),
		number("response", func(r *request) float32 { return r.Response }),
		number("server", func(r *request) float32 { return r.Server }),
		number("transfer_size", func(r *request) uint32 { return r.TransferSize }),
		number("encoded_size", func(r *request) uint32 { return r.EncodedSize }),
		number("decoded_size", func(r *request) uint32 { return r.DecodedSize }),
		word("cache", func(r *request) string { return r.Cache }),
		flag("render_blocking", func(r *request) bool { return r.RenderBlocking }),
		word("protocol", func(r *request) string { return r.Protocol }),
		flag("cross_origin", func(r *request) bool { return r.CrossOrigin }),
	)}
}
