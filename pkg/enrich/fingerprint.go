package enrich

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// FingerprintVersion is the version of the rule below. It is stored with each error, so that groups made by different
// rules are never taken for one another; a client's own fingerprint has version 0.
const FingerprintVersion = 1

// frameLimit is how many of the app's own frames tell errors apart. More would split one error by its callers.
const frameLimit = 3

// fingerprint groups the errors: the client's own fingerprint where there is one, else a hash of kind, type, message
// without what varies, and the top frames that are the app's own. Lines and columns are left out: they move with
// every build.
func (p *Pipeline) fingerprint(b *rum.Beacon) {
	page := hostOf(b.Context.PageURL)
	app := p.apps[b.Context.App]
	for i := range b.Errors {
		e := &b.Errors[i]
		if e.Fingerprint != "" {
			e.FingerprintVersion = 0
			continue
		}
		hash := sha256.New()
		part := func(text string) {
			hash.Write([]byte(text))
			hash.Write([]byte{0})
		}
		part(e.Kind)
		part(e.Type)
		part(constantMessage(e.Message))
		frames := e.Mapped
		if len(frames) == 0 {
			frames = e.Frames
		}
		used := 0
		for j := range frames {
			if used == frameLimit {
				break
			}
			if !p.inApp(&frames[j], page, app.FirstParty) {
				continue
			}
			part(constantFile(frames[j].File))
			part(constantFunction(frames[j].Function))
			used++
		}
		e.Fingerprint = hex.EncodeToString(hash.Sum(nil)[:8])
		e.FingerprintVersion = FingerprintVersion
	}
}

// inApp frames are the app's own code: not a browser's, an extension's, a library's or a third party's.
func (p *Pipeline) inApp(f *rum.Frame, page string, own []string) bool {
	switch {
	case f.File == "", f.File == "<anonymous>", f.File == "[native code]":
		return false
	case strings.Contains(f.File, "-extension://"), strings.Contains(f.File, "node_modules/"), strings.Contains(f.File, "/vendor"),
		strings.HasPrefix(f.File, "native "), strings.HasPrefix(f.File, "chrome:"), strings.HasPrefix(f.File, "resource:"):
		return false
	}
	return !p.parties.third(page, hostOf(f.File), own)
}

var (
	urlInMessage    = regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s"'<>)]+`)
	quotedInMessage = regexp.MustCompile(`"[^"]{1,200}"`)
	idInMessage     = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{8}-[0-9a-f-]{13,27}|0x[0-9a-f]+|[0-9a-f]*[0-9][0-9a-f]{7,})\b`)
	numberInMessage = regexp.MustCompile(`\d+(?:[.,]\d+)*`)
)

// constantMessage leaves what the same error says each time: without URLs, quoted values, identifiers and numbers.
func constantMessage(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message = urlInMessage.ReplaceAllString(message, "<url>")
	message = quotedInMessage.ReplaceAllString(message, `"…"`)
	message = idInMessage.ReplaceAllString(message, "<id>")
	return numberInMessage.ReplaceAllString(message, "<n>")
}

// constantFile is a file's path without host and without the hash a bundler puts into its name.
func constantFile(file string) string {
	return Template(file)
}

// constantFunction drops what a minifier named: it is another letter after the next build.
func constantFunction(function string) string {
	function = strings.TrimPrefix(strings.TrimPrefix(function, "async "), "new ")
	if dot := strings.LastIndexByte(function, '.'); dot >= 0 {
		function = function[dot+1:]
	}
	if len(function) <= 2 || function == "<anonymous>" {
		return ""
	}
	return function
}
