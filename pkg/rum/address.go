package rum

import "net/url"

// WebAddress says whether a text is an address that a link may lead to: http or https, with a host and without a login.
// Any other scheme may be something to run, such as javascript:.
func WebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}
