package enrich

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// automation marks user agents that are driven by a program and do not say so by a crawler's name.
var automation = [...]string{
	"headless", "phantomjs", "puppeteer", "playwright", "selenium", "webdriver", "cypress", "jsdom",
	"bot/", "bot;", "crawler", "spider",
}

// syntheticTools are what tools that measure a site from outside write into the user agent string, in lower case.
var syntheticTools = [...]struct{ mark, tool string }{
	{"chrome-lighthouse", "lighthouse"}, {"google page speed", "pagespeed"}, {"pagespeed", "pagespeed"},
	{"gtmetrix", "gtmetrix"},
	{"ptst/", "webpagetest"}, {"speedcurve", "speedcurve"}, {"sitespeed.io", "sitespeed.io"}, {"calibre/", "calibre"},
	{"datadogsynthetics", "datadog"}, {"newrelicpinger", "newrelic"}, {"newrelicsynthetics", "newrelic"},
	{"dynatracesynthetic", "dynatrace"}, {"ruxitsynthetic", "dynatrace"}, {"catchpoint", "catchpoint"}, {"pingdom", "pingdom"},
	{"statuscake", "statuscake"}, {"uptimerobot", "uptimerobot"}, {"site24x7", "site24x7"}, {"checkly", "checkly"},
	{"better uptime", "betteruptime"}, {"splunksynthetics", "splunk"}, {"rigor", "rigor"}, {"k6browser", "k6"},
}

func syntheticTool(lower string) string {
	for _, t := range syntheticTools {
		if strings.Contains(lower, t.mark) {
			return t.tool
		}
	}
	return ""
}

// traffic tells real users, synthetic runs and bots apart. A tool that says it is synthetic is believed, be it in a
// header, in the session's attributes or in the user agent string; everything else that a program drives is a bot. Both
// stay out of what users are said to experience.
func (p *Pipeline) traffic(b *rum.Beacon) {
	c := &b.Context
	found := p.agents.lookup(c.UserAgent)
	tool := c.Synthetic
	if tool == "" {
		tool = found.tool
	}
	switch {
	case tool != "":
		c.Traffic = rum.TrafficSynthetic
		p.count(c.App, c.Environment, "synthetic", tool, int64(b.Len()))
	case found.bot, strings.Contains(c.Brands, "Headless"), c.Attributes["webdriver"] == "true":
		c.Traffic = rum.TrafficBot
		p.count(c.App, c.Environment, "bots", found.browser, int64(b.Len()))
	default:
		c.Traffic = rum.TrafficReal
	}
}
