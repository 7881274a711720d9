package traffic

import "time"

// fault is an error that happens in this shop now and then, as long as anybody can remember.
type fault struct {
	share   float64 // of page views
	route   string  // "" anywhere
	kind    string
	message string
	frames  []frame
}

func at(file, function string, line, column int) frame {
	return frame{Filename: file, Function: function, Line: line, Column: column}
}

// faults are the usual errors; file names are completed with the shop's origin.
var faults = []fault{
	{0.004, "", "TypeError", "Cannot read properties of null (reading 'focus')", []frame{
		at("/assets/shop.js", "focusSearch", 1, 8123), at("/assets/shop.js", "HTMLBodyElement.<anonymous>", 1, 8412)}},
	{0.003, "", "Error", "ResizeObserver loop completed with undelivered notifications.", nil},
	{0.005, "/search", "SyntaxError", "Unexpected token '<', \"<!doctype \"... is not valid JSON", []frame{
		at("/assets/shop.js", "readResults", 1, 11020), at("/assets/shop.js", "async search", 1, 11307)}},
	{0.002, "", "ReferenceError", "dataLayer is not defined", []frame{at("https://metrics.tags.example/t/tag.js",
		"push", 1, 402)}},
	{0.006, "/product/:id", "TypeError", "Failed to fetch", []frame{
		at("/assets/shop.js", "loadRecommendations", 1, 9544), at("/assets/shop.js", "async product", 1, 9730)}},
}

// walletFrames is the stack of the incident's error.
var walletFrames = []frame{
	at("/assets/pay.js", "readWalletToken", 5, 24), at("/assets/pay.js", "authorisePayment", 9, 29),
	at("/assets/pay.js", "onSubmit", 16, 3),
}

// fail records an error thrown in the page.
func (v *viewing) fail(when time.Time, kind, message string, frames []frame) {
	e := exception{Type: kind, Value: message, Timestamp: iso(when)}
	if len(frames) > 0 {
		own := make([]frame, len(frames))
		for i, f := range frames {
			if f.Filename[0] == '/' {
				f.Filename = v.traffic.config.SiteURL + f.Filename
			}
			own[i] = f
		}
		e.Stacktrace = &stacktrace{Frames: own}
	}
	v.body.Exceptions = append(v.body.Exceptions, e)
	v.truth.Errors = append(v.truth.Errors, TruthError{At: ms(when), Type: kind, Message: message})
}
