package enrich

import "github.com/sightline-rum/sightline/pkg/rum"

// ConsentGranted is what a page says of a user who agreed to be measured.
const ConsentGranted = "granted"

// NoConsent is why an item of a user who did not agree is refused.
const NoConsent = "the app requires consent, and the page does not say it was granted"

// Consents says whether a beacon may be taken: where its app requires consent, only when the page says it was granted.
func (p *Pipeline) Consents(c *rum.Context) bool {
	return !p.apps[c.App].ConsentRequired || c.Consent == ConsentGranted
}
