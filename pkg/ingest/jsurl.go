package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-faster/jx"
)

// jsurlToJSON turns a value in JSURL (github.com/Sage/jsurl), a JSON for addresses, into JSON:
//
//	~(~(n~2~m~'not*20found))   [{"n":2,"m":"not found"}]
func jsurlToJSON(text string) ([]byte, error) {
	p := jsurl{rest: strings.ReplaceAll(text, "%27", "'")}
	if err := p.value(0); err != nil {
		return nil, fmt.Errorf("JSURL at byte %d: %w", len(text)-len(p.rest), err)
	}
	if p.rest != "" {
		return nil, fmt.Errorf("JSURL: something after its value")
	}
	return p.json.Bytes(), nil
}

type jsurl struct {
	rest string
	json jx.Encoder
}

var errJSURL = errors.New("not a value")

func (p *jsurl) value(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("nested more than %d deep", maxNesting)
	}
	if !p.eat("~") {
		return errJSURL
	}
	switch {
	case p.eat("(~)"), p.rest == "(~":
		p.json.ArrEmpty()
		return nil
	case strings.HasPrefix(p.rest, "(~"):
		p.rest = p.rest[1:]
		p.json.ArrStart()
		for strings.HasPrefix(p.rest, "~") {
			if err := p.value(depth + 1); err != nil {
				return err
			}
		}
		p.json.ArrEnd()
		return p.close()
	case p.eat("("):
		p.json.ObjStart()
		for more := !strings.HasPrefix(p.rest, ")"); more; more = p.eat("~") {
			p.json.FieldStart(p.text())
			if err := p.value(depth + 1); err != nil {
				return err
			}
		}
		p.json.ObjEnd()
		return p.close()
	case p.eat("'"):
		p.json.Str(p.text())
		return nil
	}
	return p.literal()
}

// close wants the bracket's other half; boomerang cuts off what would make an address too long.
func (p *jsurl) close() error {
	if !p.eat(")") {
		return errors.New("a bracket is not closed")
	}
	return nil
}

func (p *jsurl) literal() error {
	end := strings.IndexAny(p.rest, "~)")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	switch word {
	case "true", "false":
		p.json.Bool(word == "true")
	case "null":
		p.json.Null()
	default:
		number, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return errJSURL
		}
		p.json.Float64(number)
	}
	p.rest = p.rest[end:]
	return nil
}

// text reads up to the next mark: *20 is a character by its code, **20ac one beyond 255, and ! a dollar sign.
func (p *jsurl) text() string {
	var out strings.Builder
	for p.rest != "" && p.rest[0] != '~' && p.rest[0] != ')' {
		switch digits := 2; p.rest[0] {
		case '*':
			code := p.rest[1:]
			if strings.HasPrefix(code, "*") {
				code, digits = code[1:], 4
			}
			if len(code) < digits {
				p.rest = ""
				break
			}
			if ch, err := strconv.ParseUint(code[:digits], 16, 16); err == nil {
				out.WriteRune(rune(ch))
			}
			p.rest = code[digits:]
		case '!':
			out.WriteByte('$')
			p.rest = p.rest[1:]
		default:
			out.WriteByte(p.rest[0])
			p.rest = p.rest[1:]
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

func (p *jsurl) eat(start string) (eaten bool) {
	p.rest, eaten = strings.CutPrefix(p.rest, start)
	return eaten
}
