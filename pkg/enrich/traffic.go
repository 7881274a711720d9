package enrich

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// automation marks user agents that are driven by a program and do not say so by a crawler's name.
var automation = [...]string{
	"headlesschrome", "headless", "phantomjs", "puppeteer", "playwright", "selenium", "webdriver", "cypress", "chrome-lighthouse",
	"lighthouse", "pagespeed", "gtmetrix", "pingdom", "ptst/", "speedcurve", "datadogsynthetics", "newrelicpinger", "statuscake",
	"uptimerobot", "jsdom", "bot/", "bot;", "crawler", "spider",
}

// traffic tells real users, synthetic runs and bots apart. A tool that says it is synthetic is believed; everything
// else that a program drives is a bot, and both stay out of what users are said to experience.
func (p *Pipeline) traffic(b *rum.Beacon) {
	c := &b.Context
	switch {
	case c.Synthetic != "":
		c.Traffic = rum.TrafficSynthetic
		p.count(c.App, c.Environment, "synthetic", c.Synthetic, int64(b.Len()))
	case p.agents.lookup(c.UserAgent).bot || strings.Contains(c.Brands, "Headless"):
		c.Traffic = rum.TrafficBot
		p.count(c.App, c.Environment, "bots", p.agents.lookup(c.UserAgent).browser, int64(b.Len()))
	default:
		c.Traffic = rum.TrafficReal
	}
}
