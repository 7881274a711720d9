package traffic

import "fmt"

// page is a kind of page of the shop: what it is made of, how heavy it is, and where people go from it.
type page struct {
	route string // the pattern its addresses follow
	name  string // what the site itself calls it; "" where the address alone tells
	path  func(d dice) string
	// Typical largest contentful paint and interaction delay on a common laptop with a good connection (ms), and the
	// median layout shift where there is any.
	lcp, inp, shift float64
	lcpElement      string
	lcpImage        string // "" when the largest element is text
	shiftTarget     string
	clickTarget     string
	api             string // what the page fetches by itself
	apiMillis       float64
	next            []step
}

// step is where people go next; an empty route is leaving.
type step struct {
	route string
	share float64
}

var slugs = []string{"coffee", "kitchen", "desk", "garden", "bath", "toys"}
var words = []string{"kettle", "lamp", "pot", "towel", "board", "pen"}

// pages of the shop by route. The shares of steps add up to 1; about one visit in three reaches the checkout.
var pages = map[string]page{
	"/": {
		route: "/", path: func(dice) string { return "/" },
		lcp: 1450, inp: 70, shift: 0.03, lcpElement: "html>body>main>section.hero>img", lcpImage: "/images/hero.svg",
		shiftTarget: "html>body>main>section.hero", clickTarget: "html>body>header>nav>a",
		next: []step{{"/category/:slug", 0.46}, {"/search", 0.16}, {"/product/:id", 0.16}, {"/account", 0.04}, {"", 0.18}},
	},
	"/category/:slug": {
		route: "/category/:slug", name: "/category/:slug", path: func(d dice) string {
			return "/category/" +
				slugs[d.IntN(len(slugs))]
		},
		lcp: 1500, inp: 85, shift: 0.05, lcpElement: "html>body>main>ul.goods>li>a>img", lcpImage: "/images/104.svg",
		shiftTarget: "html>body>main>ul.goods", clickTarget: "html>body>main>ul.goods>li>a",
		next: []step{{"/product/:id", 0.62}, {"/category/:slug", 0.12}, {"/search", 0.06}, {"/cart", 0.04}, {"", 0.16}},
	},
	"/product/:id": {
		route: "/product/:id", path: func(d dice) string { return fmt.Sprintf("/product/%d", 101+d.IntN(30)) },
		lcp: 1600, inp: 95, shift: 0.09, lcpElement: "#picture", lcpImage: "/images/101.svg",
		shiftTarget: "html>body>main>article.product", clickTarget: "#add", api: "GET /api/recommendations/101",
		apiMillis: 90,
		next:      []step{{"/cart", 0.36}, {"/product/:id", 0.26}, {"/category/:slug", 0.16}, {"", 0.22}},
	},
	"/search": {
		route: "/search", path: func(d dice) string { return "/search?q=" + words[d.IntN(len(words))] },
		lcp: 1300, inp: 105, shift: 0.02, lcpElement: "html>body>main>ul.goods>li>a>img", lcpImage: "/images/109.svg",
		shiftTarget: "html>body>main>ul.goods", clickTarget: "html>body>main>ul.goods>li>a", api: "GET /api/search",
		apiMillis: 140,
		next:      []step{{"/product/:id", 0.58}, {"/search", 0.18}, {"/category/:slug", 0.06}, {"", 0.18}},
	},
	"/cart": {
		route: "/cart", path: func(dice) string { return "/cart" },
		lcp: 1050, inp: 110, shift: 0.02, lcpElement: "html>body>main>h1", shiftTarget: "html>body>footer",
		clickTarget: "#voucher",
		next:        []step{{"/checkout", 0.72}, {"/category/:slug", 0.08}, {"", 0.20}},
	},
	"/checkout": {
		route: "/checkout", path: func(dice) string { return "/checkout" },
		lcp: 1200, inp: 120, shift: 0.03, lcpElement: "html>body>main>form.checkout", shiftTarget: "html>body>main>p",
		clickTarget: "#pay", api: "POST /api/checkout/quote", apiMillis: 170,
		next: []step{{"/account", 0.25}, {"", 0.75}},
	},
	"/account": {
		route: "/account", path: func(dice) string { return "/account" },
		lcp: 1250, inp: 75, shift: 0.01, lcpElement: "html>body>main>h1", shiftTarget: "#orders",
		clickTarget: "html>body>header>nav>a", api: "GET /api/account/orders", apiMillis: 120,
		next: []step{{"/category/:slug", 0.30}, {"/product/:id", 0.15}, {"", 0.55}},
	},
}

// entrances are where visits begin.
var entrances = []step{{"/", 0.44}, {"/product/:id", 0.26}, {"/category/:slug", 0.17}, {"/search", 0.08}, {"/cart",
	0.05}}

// paid is the share of checkouts in which people press the pay button.
const paid = 0.78

// file is a static file a page loads, with its typical size and how long it takes when nothing is cached (ms).
type file struct {
	path       string
	initiator  string
	bytes      int
	millis     float64
	blocking   bool
	thirdParty string // its host
}

var commonFiles = []file{
	{"/assets/shop.css", "link", 7_300, 60, true, ""},
	{"/assets/faro.js", "script", 42_100, 110, true, ""},
	{"/assets/shop.js", "script", 18_400, 80, false, ""},
	{"/t/tag.js", "script", 88_000, 190, false, "metrics.tags.example"},
}

var checkoutFile = file{"/assets/pay.js", "script", 26_000, 85, false, ""}
