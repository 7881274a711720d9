package ingest

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// pageLoad is the last page load that a session told of. Only Faro names the page load on other items; for the others,
// it is looked up here which view an item of the same session and page belongs to.
type pageLoad struct {
	page       string // without query
	viewID     string
	teller     string
	timeOrigin int64 // when the navigation began
}

// sinceOrigin is a request whose time is only known from the start of its page load, in ms.
type sinceOrigin struct {
	request int
	start   float64
}

// sameLoad is how far apart two instrumentations may see the same page load begin: one of them knows only when it sent
// its report.
const sameLoad = 2000

// linkLoads remembers a payload's page loads, drops those that another instrumentation has told, and gives the items
// that do not know their page or time what the session's last load says of them.
func (d *reading) linkLoads() {
	c := &d.beacon.Context
	session := c.App + "\x00" + c.SessionID
	var last pageLoad
	known := false
	if c.SessionID != "" {
		last, known = d.told.loads.Get(session)
	}
	for n := 0; n < len(d.navigations); n++ {
		load := d.navigations[n]
		if load.teller == "" {
			continue
		}
		page := enrich.CleanURL(load.page)
		if known && last.teller != load.teller && last.page == page && abs(last.timeOrigin-load.start) <= sameLoad {
			d.dropView(load.id)
			d.navigations = append(d.navigations[:n], d.navigations[n+1:]...)
			n--
			continue
		}
		last, known = pageLoad{
			page: strings.Clone(page), viewID: strings.Clone(load.id), teller: load.teller, timeOrigin: load.start,
		}, true
		if c.SessionID != "" {
			d.told.loads.Add(session, last)
		}
	}
	if c.PageURL == "" && known {
		c.PageURL = last.page
	}
	origin := d.timeOrigin
	if origin == 0 && known {
		origin = last.timeOrigin
	}
	for _, s := range d.sinceOrigin {
		if r := &d.beacon.Requests[s.request]; origin != 0 && origin+int64(s.start) <= r.TS {
			r.TS = origin + int64(s.start)
		}
	}
	if !known || enrich.CleanURL(c.PageURL) != last.page {
		return
	}
	eachTold(&d.beacon, func(item *rum.Item) {
		if item.ViewID == "" && item.TS >= last.timeOrigin {
			item.ViewID = last.viewID
		}
	})
}

func (d *reading) dropView(id string) {
	for n := range d.beacon.Views {
		if d.beacon.Views[n].ViewID == id {
			d.beacon.Views = append(d.beacon.Views[:n], d.beacon.Views[n+1:]...)
			d.skip("page load told twice")
			return
		}
	}
}

// eachTold visits the items that belong to a view without being one.
func eachTold(b *rum.Beacon, visit func(*rum.Item)) {
	for n := range b.Vitals {
		visit(&b.Vitals[n].Item)
	}
	for n := range b.Requests {
		visit(&b.Requests[n].Item)
	}
	for n := range b.Errors {
		visit(&b.Errors[n].Item)
	}
	for n := range b.Actions {
		visit(&b.Actions[n].Item)
	}
	for n := range b.Events {
		visit(&b.Events[n].Item)
	}
}
