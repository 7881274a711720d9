package store

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// A column of a table is declared once: its name, its type, and where its values come from. Cells of one column are
// gathered in a slice of their own and handed to clickhouse-go a column at a time: row by row costs several times as
// much.

// cells is the values of one column, taken from items of type T and the beacon they came in.
type cells[T any] interface {
	chType() string
	add(b *rum.Beacon, items []T)
	// fill copies the cells into a column of a batch being prepared.
	fill(column.Interface, *handover) error
	reset()
}

// field is one column of a table of Ts.
type field[T any] struct {
	name string
	cells[T]
}

// plain is a column that clickhouse-go takes as a slice.
type plain[T, V any] struct {
	typeName string
	of       func(*rum.Beacon, *T) V
	values   []V
}

func (p *plain[T, V]) chType() string { return p.typeName }
func (p *plain[T, V]) reset()         { clear(p.values); p.values = p.values[:0] }

func (p *plain[T, V]) add(b *rum.Beacon, items []T) {
	for i := range items {
		p.values = append(p.values, p.of(b, &items[i]))
	}
}

func (p *plain[T, V]) fill(to column.Interface, _ *handover) error {
	_, err := to.Append(p.values)
	return err
}

func timestamp[T any](name string, of func(*rum.Beacon, *T) int64) field[T] {
	return field[T]{name, &plain[T, int64]{typeName: "DateTime64(3, 'UTC')", of: of}}
}

func minute[T any](name string, of func(*T) int64) field[T] {
	seconds := func(_ *rum.Beacon, t *T) int64 { return of(t) / 1000 }
	return field[T]{name, &plain[T, int64]{typeName: "DateTime('UTC')", of: seconds}}
}

func text[T any](name string, of func(*T) string) field[T] {
	return field[T]{name, &plain[T, string]{typeName: "String", of: func(_ *rum.Beacon, t *T) string { return of(t) }}}
}

// number is any numeric column; its type follows from V.
func number[T any, V uint8 | uint16 | uint32 | int16 | int64 | float32 | float64](name string, of func(*T) V) field[T] {
	// Go's int16 is ClickHouse's Int16, and so on.
	typeName := fmt.Sprintf("%T", *new(V))
	typeName = strings.NewReplacer("uint", "UInt", "int", "Int", "float", "Float").Replace(typeName)
	return field[T]{name, &plain[T, V]{typeName: typeName, of: func(_ *rum.Beacon, t *T) V { return of(t) }}}
}

func flag[T any](name string, of func(*T) bool) field[T] {
	return number(name, func(t *T) uint8 {
		if of(t) {
			return 1
		}
		return 0
	})
}

// dictionary is the cells of a LowCardinality(String): each distinct value once, and a key a row. clickhouse-go's own
// takes a boxed value and two map look-ups a row; this one knows that neighbours are often equal.
type dictionary struct {
	keys    map[string]uint32
	words   proto.ColStr
	rows    []uint32
	last    string
	lastKey uint32
}

func (d *dictionary) reset() {
	clear(d.keys)
	d.words.Reset()
	d.rows = d.rows[:0]
	d.last, d.lastKey = "", 0
}

// key of a word. The empty word is the default value, which a dictionary starts with.
func (d *dictionary) key(word string) uint32 {
	if d.words.Rows() == 0 {
		d.words.Append("")
		d.last, d.lastKey = "", 0
	}
	if word == d.last {
		return d.lastKey
	}
	key, known := d.keys[word]
	if !known && word != "" {
		key = uint32(d.words.Rows())
		if d.keys == nil {
			d.keys = map[string]uint32{}
		}
		d.keys[word] = key
		d.words.Append(word)
	}
	d.last, d.lastKey = word, key
	return key
}

// encode writes the dictionary in ClickHouse's native form.
func (d *dictionary) encode(to *proto.Buffer) {
	raw := proto.ColLowCardinalityRaw{Index: &d.words}
	switch n := d.words.Rows(); {
	case n <= 1<<8:
		raw.Key = proto.KeyUInt8
		for _, key := range d.rows {
			raw.Keys8 = append(raw.Keys8, uint8(key))
		}
	case n <= 1<<16:
		raw.Key = proto.KeyUInt16
		for _, key := range d.rows {
			raw.Keys16 = append(raw.Keys16, uint16(key))
		}
	default:
		raw.Key = proto.KeyUInt32
		raw.Keys32 = d.rows
	}
	raw.EncodeColumn(to)
}

// handover passes cells written in native form to a column: the one way clickhouse-go takes them as they are. It is
// kept with a batch, because the reader comes with a large buffer.
type handover struct {
	encoded proto.Buffer
	source  bytes.Reader
	reader  *proto.Reader
}

func (h *handover) decode(to column.Interface, rows int) error {
	if h.reader == nil {
		h.reader = proto.NewReader(&h.source)
	}
	h.source.Reset(h.encoded.Buf)
	err := to.Decode(h.reader, rows)
	if err != nil {
		h.reader = nil // it may still hold some of these cells
	}
	h.encoded.Reset()
	return err
}

// words is a LowCardinality(String) column.
type words[T any] struct {
	of func(*T) string
	dictionary
}

func (w *words[T]) chType() string { return "LowCardinality(String)" }

func (w *words[T]) add(_ *rum.Beacon, items []T) {
	for i := range items {
		w.rows = append(w.rows, w.key(w.of(&items[i])))
	}
}

func (w *words[T]) fill(to column.Interface, h *handover) error {
	w.encode(&h.encoded)
	return h.decode(to, len(w.rows))
}

func word[T any](name string, of func(*T) string) field[T] {
	return field[T]{name, &words[T]{of: of}}
}

// sharedWords is a LowCardinality(String) column that is the same for all items of a beacon.
type sharedWords[T any] struct {
	of func(*rum.Beacon) string
	words[T]
}

func (w *sharedWords[T]) add(b *rum.Beacon, items []T) {
	key := w.key(w.of(b))
	for range items {
		w.rows = append(w.rows, key)
	}
}

func sharedWord[T any](name string, of func(*rum.Beacon) string) field[T] {
	return field[T]{name, &sharedWords[T]{of: of}}
}

// pairs is a Map(LowCardinality(String), V) column. Its pairs come from two maps, of which the second wins.
type pairs[T any, V any] struct {
	typeName string
	of       func(*rum.Beacon, *T) (shared, own map[string]V)
	ends     proto.ColUInt64
	dictionary
	values    []V
	valuesCol func([]V) proto.ColInput
}

func (p *pairs[T, V]) chType() string { return p.typeName }

func (p *pairs[T, V]) reset() {
	p.dictionary.reset()
	p.ends.Reset()
	clear(p.values)
	p.values = p.values[:0]
}

func (p *pairs[T, V]) add(b *rum.Beacon, items []T) {
	for i := range items {
		shared, own := p.of(b, &items[i])
		for name, value := range shared {
			if _, overridden := own[name]; !overridden {
				p.rows, p.values = append(p.rows, p.key(name)), append(p.values, value)
			}
		}
		for name, value := range own {
			p.rows, p.values = append(p.rows, p.key(name)), append(p.values, value)
		}
		p.ends.Append(uint64(len(p.values)))
	}
}

func (p *pairs[T, V]) fill(to column.Interface, h *handover) error {
	p.ends.EncodeColumn(&h.encoded)
	if len(p.rows) > 0 { // no pair at all has no dictionary either
		p.encode(&h.encoded)
		p.valuesCol(p.values).EncodeColumn(&h.encoded)
	}
	return h.decode(to, p.ends.Rows())
}

func texts[T any](name string, of func(*rum.Beacon, *T) (shared, own map[string]string)) field[T] {
	return field[T]{name, &pairs[T, string]{
		typeName: "Map(LowCardinality(String), String)", of: of,
		valuesCol: func(values []string) proto.ColInput {
			col := new(proto.ColStr)
			col.AppendArr(values)
			return col
		},
	}}
}

func numbers[T any](name string, of func(*T) map[string]float32) field[T] {
	return field[T]{name, &pairs[T, float32]{
		typeName: "Map(LowCardinality(String), Float32)",
		of:       func(_ *rum.Beacon, t *T) (shared, own map[string]float32) { return nil, of(t) },
		valuesCol: func(values []float32) proto.ColInput {
			col := proto.ColFloat32(values)
			return &col
		},
	}}
}
