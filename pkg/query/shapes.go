package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The query JSON is written by people, by editors of several versions and by template variables, which turn every
// value into text. These types read all the shapes that have one meaning, so the rest of the package sees one.

// number is a JSON number or the same as text: 75, "75", "p75". Empty is 0.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		text = strings.TrimPrefix(strings.TrimSpace(text), "p")
	}
	if text == "" || text == "null" {
		*n = 0
		return nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return fmt.Errorf("%.40q is not a number", text)
	}
	*n = number(value)
	return nil
}

// names is a list of names or a single one: ["route"], "route". Empty names are left out.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	list, err := texts(b)
	if err != nil {
		return err
	}
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			*n = append(*n, name)
		}
	}
	return nil
}

// filters is the list as written. Grafana's ad hoc filters carry one "value" instead of "values".
type filters []writtenFilter

type writtenFilter struct {
	Key      string
	Operator string
	Values   []string
}

func (f *writtenFilter) UnmarshalJSON(b []byte) error {
	var written struct {
		Key      string          `json:"key"`
		Operator string          `json:"operator"`
		Values   json.RawMessage `json:"values"`
		Value    json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(b, &written); err != nil {
		return err
	}
	f.Key, f.Operator = written.Key, written.Operator
	if f.Operator == "" {
		f.Operator = "="
	}
	// Newer ad hoc filters spell "one of several" and "none of several" apart.
	f.Operator = strings.TrimSuffix(f.Operator, "|")
	var err error
	if f.Values, err = texts(written.Values); err == nil && len(f.Values) == 0 {
		f.Values, err = texts(written.Value)
	}
	return err
}

// texts reads a list of scalars or a single one as text; null and absent are none.
func texts(b json.RawMessage) ([]string, error) {
	if len(b) == 0 || string(b) == "null" {
		return nil, nil
	}
	if b[0] != '[' {
		b = append(append(json.RawMessage{'['}, b...), ']')
	}
	var scalars []any
	decoder := json.NewDecoder(strings.NewReader(string(b)))
	decoder.UseNumber()
	if err := decoder.Decode(&scalars); err != nil {
		return nil, err
	}
	list := make([]string, 0, len(scalars))
	for _, scalar := range scalars {
		switch v := scalar.(type) {
		case string:
			list = append(list, v)
		case json.Number, bool:
			list = append(list, fmt.Sprint(v))
		default:
			return nil, errors.New("values are texts or numbers")
		}
	}
	return list, nil
}

// compare is a word ("previous") or a window of its own: {"from": …, "to": …}, as RFC 3339 or Unix milliseconds.
type compare struct {
	word     string
	from, to time.Time
}

func (c *compare) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		return nil
	case '"':
		return json.Unmarshal(b, &c.word)
	}
	var written struct{ From, To moment }
	if err := json.Unmarshal(b, &written); err != nil {
		return fmt.Errorf(`compare is "previous" or {"from", "to"}: %w`, err)
	}
	c.from, c.to = time.Time(written.From), time.Time(written.To)
	if c.from.IsZero() || c.to.IsZero() {
		return errors.New("compare: from and to are both needed")
	}
	return nil
}

type moment time.Time

func (m *moment) UnmarshalJSON(b []byte) error {
	list, err := texts(b)
	if err != nil || len(list) != 1 {
		return errors.New("a time is RFC 3339 or Unix milliseconds")
	}
	if ms, err := strconv.ParseInt(list[0], 10, 64); err == nil {
		*m = moment(time.UnixMilli(ms).UTC())
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, list[0])
	if err != nil {
		return errors.New("a time is RFC 3339 or Unix milliseconds")
	}
	*m = moment(at.UTC())
	return nil
}
