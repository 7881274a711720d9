package shop

import (
	"fmt"
	"strconv"
	"strings"
)

// Category is a shelf of the shop.
type Category struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Line string `json:"line"`
	Hue  int    `json:"-"` // of its pictures, degrees
}

// Product is one thing on sale; Cents is its price.
type Product struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Cents    int    `json:"cents"`
	Line     string `json:"line"`
}

// Categories in the order of the menu.
var Categories = []Category{
	{Slug: "coffee", Name: "Coffee", Line: "Kettles, grinders and the beans to go with them.", Hue: 24},
	{Slug: "kitchen", Name: "Kitchen", Line: "Boards, bowls and knives that last.", Hue: 152},
	{Slug: "desk", Name: "Desk", Line: "Lamps, paper and pens for clear thoughts.", Hue: 216},
	{Slug: "garden", Name: "Garden", Line: "Pots, tools and seeds for a windowsill or an acre.", Hue: 92},
	{Slug: "bath", Name: "Bath", Line: "Towels, soap and brushes.", Hue: 190},
	{Slug: "toys", Name: "Toys", Line: "Wood, cloth and wheels.", Hue: 340},
}

var shelves = map[string][]string{
	"coffee":  {"Gooseneck kettle", "Hand grinder", "Pour-over stand", "House beans 500 g", "Espresso cup pair"},
	"kitchen": {"Walnut board", "Mixing bowl set", "Bread knife", "Cast-iron pan", "Linen cloth trio"},
	"desk":    {"Task lamp", "Dotted notebook", "Brass pen", "Desk mat", "Paper tray"},
	"garden":  {"Terracotta pot", "Hand trowel", "Herb seed box", "Watering can", "Garden twine"},
	"bath":    {"Waffle towel", "Olive soap", "Nail brush", "Bath mat", "Sea sponge"},
	"toys":    {"Stacking boats", "Rag rabbit", "Pull-along duck", "Marble run", "Wooden tram"},
}

// Products are all goods; their ids start at 101.
var Products = func() []Product {
	var all []Product
	for round := range 5 {
		for shelf, c := range Categories {
			all = append(all, Product{
				ID:       101 + len(all),
				Name:     shelves[c.Slug][round],
				Category: c.Slug,
				Cents:    900 + 1150*round + 370*shelf,
				Line:     "Made in small batches, packed without plastic, repaired if it breaks.",
			})
		}
	}
	return all
}()

// ProductByID finds a product by the id in its address.
func ProductByID(id string) (Product, bool) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 101 || n >= 101+len(Products) {
		return Product{}, false
	}
	return Products[n-101], true
}

// InCategory lists one shelf.
func InCategory(slug string) []Product {
	var found []Product
	for _, p := range Products {
		if p.Category == slug {
			found = append(found, p)
		}
	}
	return found
}

// Matching lists the goods whose name holds the words searched for.
func Matching(q string) []Product {
	q = strings.ToLower(strings.TrimSpace(q))
	var found []Product
	for _, p := range Products {
		if q != "" && strings.Contains(strings.ToLower(p.Name), q) {
			found = append(found, p)
		}
	}
	return found
}

func price(cents int) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }
