package e2e

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The demo's story is told by the plugin's answers: the incident that the simulation plants must be in them.
func TestTheDemoTellsItsStory(t *testing.T) {
	demo := exec.Command(sightline, "demo", "--once", "--plugin", pluginBinary,
		"--listen", freeAddress(t), "--engine-listen", freeAddress(t), "--shop-listen", freeAddress(t))
	said, err := demo.CombinedOutput()
	require.NoError(t, err, "the demo said:\n%s", said)
	for _, found := range []string{
		`(?m)^ +/checkout +fail +\d+ `,                                                        // the overview by route
		`(?m)^ +Safari +mobile +[\d.]+ s `,                                                    // by browser and device: enough samples for a number
		`(?m)^ +Safari +[▁-█ ]+`,                                                              // over time
		`(?m)^ +2\.5\.0 +[\d.]+ s`,                                                            // by release
		`(?m)^ +real +release=2\.5\.0, browser=Safari +`,                                      // what explains the change
		`(?m)^ +inp +#pay +\S+/assets/pay\.js `,                                               // the script behind it
		`(?m)^ +worse +LCP p75 .* 2\.5\.0 +2\.4\.1 `,                                          // the verdict on the release
		`(?m)^ +new +[0-9a-f]{16} +TypeError +undefined is not an object .* 2\.5\.0 `,         // the burst that came with it
		`(?m)^ +\S{10} +\d{4}-\d\d-\d\d .* Safari +mobile`,                                    // a visit that it hit
		`(?m)^ +\d{4}-\d\d-\d\d \S+ +TypeError: undefined is not an object`,                   // its timeline
		`(?m)^ +\d{4}-\d\d-\d\d \S+ +fetch +POST \S+/api/checkout/pay .* [0-9a-f]{32} `,       // its traces
		`(?m)^ +checkout +Safari +3 +Pay +\d`,                                                 // where they give up
		`(?m)^ +checkout +3 +Pay +error +[0-9a-f]{16} +TypeError: undefined is not an object`, // and what they met there
		`(?m)^ +deploys +Checkout: wallet payments`,                                           // the evidence
	} {
		require.Regexp(t, found, string(said))
	}
}
