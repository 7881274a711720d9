package enrich

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

var update = flag.Bool("update", false, "write the list of crawlers anew")

// crawlerList is the public list as its package has it.
func crawlerList(t *testing.T) (list []struct {
	Pattern   string
	Instances []string
}) {
	text, err := os.ReadFile("../../node_modules/crawler-user-agents/crawler-user-agents.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &list))
	return list
}

func TestTheListOfCrawlersIsThePackages(t *testing.T) {
	license, err := os.ReadFile("../../node_modules/crawler-user-agents/LICENSE")
	require.NoError(t, err)
	var text strings.Builder
	text.WriteString("# The patterns of https://github.com/monperrus/crawler-user-agents, under this licence:\n# \n")
	for line := range strings.Lines(string(license)) {
		text.WriteString("# " + line)
	}
	text.WriteString("\n")
	for _, crawler := range crawlerList(t) {
		text.WriteString(strings.ReplaceAll(crawler.Pattern, `\/`, "/") + "\n")
	}
	if *update {
		require.NoError(t, os.WriteFile("crawlers.txt", []byte(text.String()), 0o644))
		return
	}
	require.Equal(t, text.String(), crawlersText, "write it anew with: go test ./pkg/enrich -run ListOfCrawlers -update")
}

func TestEveryAgentOfAPublicListIsNoRealUser(t *testing.T) {
	p := pipeline(t, Config{})
	for _, crawler := range crawlerList(t) {
		for _, userAgent := range crawler.Instances {
			b := &rum.Beacon{Context: rum.Context{App: "shop", UserAgent: userAgent}}
			p.AtDrain(b)
			require.NotEqual(t, rum.TrafficReal, b.Context.Traffic, userAgent)
		}
	}
}

func TestTrafficIsToldApart(t *testing.T) {
	counted := map[string]int64{}
	p := pipeline(t, Config{Count: func(_, _, counter, reason string, n int64) { counted[counter+" "+reason] += n }})
	cases := []struct {
		name    string
		context rum.Context
		want    string
	}{
		{"a browser", rum.Context{UserAgent: chrome}, rum.TrafficReal},
		{"a browser that a program drives", rum.Context{UserAgent: chrome, Attributes: map[string]string{"webdriver": "true"}}, rum.TrafficBot},
		{"a headless one by its hints", rum.Context{UserAgent: chrome, Brands: "HeadlessChrome/130"}, rum.TrafficBot},
		{"Lighthouse", rum.Context{UserAgent: chrome + " Chrome-Lighthouse"}, rum.TrafficSynthetic},
		{"WebPageTest", rum.Context{UserAgent: chrome + " PTST/240101"}, rum.TrafficSynthetic},
		{"a crawler", rum.Context{UserAgent: chrome + " (compatible; GPTBot/1.2; +https://openai.com/gptbot)"}, rum.TrafficBot},
		{"a library", rum.Context{UserAgent: "python-requests/2.31.0"}, rum.TrafficBot},
		{"a run that says so", rum.Context{UserAgent: chrome, Synthetic: "smoke"}, rum.TrafficSynthetic},
	}
	for _, c := range cases {
		b := &rum.Beacon{Context: c.context, Events: make([]rum.Event, 2)}
		p.AtDrain(b)
		require.Equal(t, c.want, b.Context.Traffic, c.name)
	}
	require.EqualValues(t, 2, counted["synthetic lighthouse"])
	require.EqualValues(t, 2, counted["synthetic webpagetest"])
	require.EqualValues(t, 2, counted["synthetic smoke"])
}
