package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

type scrubCmd struct {
	Text  []string `arg:"" optional:"" help:"Texts to try; standard input when there are none."`
	Rules bool     `help:"List the rules."`
}

func (*scrubCmd) Help() string {
	return `
Shows what would be stored of a text: first the text with its marks, then what each rule found. A text that is one address
(https://… or /path) loses its query, as addresses do; in JSON, each value is tried by itself, and attributes whose name
says that they are private are dropped. Nothing is sent or stored.

Examples:
  sightline scrub 'payment of jane@example.com failed: 4111 1111 1111 1111'
  sightline scrub 'https://shop.example/reset?token=abc#top'
  sightline scrub < beacon.json
  sightline scrub --rules
`
}

func (c *scrubCmd) Run() error {
	if c.Rules {
		for _, rule := range enrich.Rules() {
			fmt.Printf("%-12s %s\n", rule.Name, rule.Masks)
		}
		return nil
	}
	texts := c.Text
	if len(texts) == 0 {
		if isatty.IsTerminal(os.Stdin.Fd()) {
			return errors.New("give a text, or a file on standard input: sightline scrub < FILE")
		}
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		texts = []string{strings.TrimRight(string(input), "\n")}
	}
	for _, text := range texts {
		clean, masked := scrubbed(text)
		fmt.Println(clean)
		for _, m := range masked {
			mark := m.Mark
			if mark == "" {
				mark = "(removed)"
			}
			fmt.Printf("  %-12s %s -> %s\n", m.Rule, m.Found, mark)
		}
		if len(masked) == 0 {
			fmt.Println("  no rule found anything")
		}
	}
	return nil
}

// scrubbed tries one text: as JSON if it is an object or a list, as an address if it is one, else as free text.
func scrubbed(text string) (clean string, masked []enrich.Masked) {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		var value any
		decoder := json.NewDecoder(strings.NewReader(trimmed))
		decoder.UseNumber()
		if decoder.Decode(&value) == nil {
			value, masked = scrubbedJSON(value)
			var out bytes.Buffer
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			_ = encoder.Encode(value) // it was JSON before
			return strings.TrimRight(out.String(), "\n"), masked
		}
	}
	if !strings.ContainsAny(text, " \t\n") && (strings.HasPrefix(text, "/") || strings.Contains(text, "://")) {
		return enrich.ExplainURL(text)
	}
	return enrich.Explain(text)
}

// scrubbedJSON tries all texts of a value.
func scrubbedJSON(value any) (any, []enrich.Masked) {
	var masked []enrich.Masked
	switch v := value.(type) {
	case string:
		return scrubbed(v)
	case []any:
		for i := range v {
			clean, found := scrubbedJSON(v[i])
			v[i], masked = clean, append(masked, found...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if _, text := v[key].(string); text && enrich.PrivateKey(key) {
				masked = append(masked, enrich.Masked{Rule: "attribute", Found: key})
				delete(v, key)
				continue
			}
			clean, found := scrubbedJSON(v[key])
			v[key], masked = clean, append(masked, found...)
		}
	}
	return value, masked
}
