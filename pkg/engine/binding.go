package engine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library holds the C functions of libchdb that the engine uses. Handles are opaque addresses owned by the library;
// strings are passed as address and length and are only read during the call.
type library struct {
	setSignalHandlersEnabled func(enabled int32)
	connect                  func(argc int32, argv **byte) *uintptr
	closeConn                func(conn *uintptr)
	shutdown                 func() int32
	version                  func() string

	classify func(conn uintptr, sql *byte, sqlLen uintptr, database *byte, databaseLen uintptr, out *analysis) int32

	queryWithParams func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) uintptr
	streamWithParams func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) uintptr
	streamFetch  func(conn uintptr, stream uintptr) uintptr
	streamCancel func(conn uintptr, stream uintptr)

	resultBuffer      func(result uintptr) unsafe.Pointer
	resultLength      func(result uintptr) uintptr
	resultError       func(result uintptr) string
	resultRowsWritten func(result uintptr) uint64
	resultDestroy     func(result uintptr)

	insertStart   func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr) uintptr
	insertAppend  func(stream uintptr, data *byte, length uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertCancel  func(stream uintptr)
	insertError   func(stream uintptr) string
	insertDestroy func(stream uintptr)
}

// loadLibrary opens libchdb and binds its functions. Signal handling stays with Go: the library's own handlers would
// replace those the Go runtime needs.
func loadLibrary(path string) (lib *library, err error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load libchdb from %s: %w", path, err)
	}
	defer func() {
		// purego panics on a missing symbol: an older or newer library than the one this was written for.
		if missing := recover(); missing != nil {
			lib, err = nil, fmt.Errorf("load libchdb from %s: %v; version %s is needed", path, missing, LibraryVersion)
		}
	}()
	lib = &library{}
	for name, function := range map[string]any{
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlersEnabled,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_shutdown":                    &lib.shutdown,
		"chdb_version":                     &lib.version,
		"chdb_classify_query_n":            &lib.classify,
		"chdb_query_with_params_n":         &lib.queryWithParams,
		"chdb_stream_query_with_params_n":  &lib.streamWithParams,
		"chdb_stream_fetch_result":         &lib.streamFetch,
		"chdb_stream_cancel_query":         &lib.streamCancel,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_result_rows_written":         &lib.resultRowsWritten,
		"chdb_destroy_query_result":        &lib.resultDestroy,
		"chdb_stream_insert_n":             &lib.insertStart,
		"chdb_stream_append":               &lib.insertAppend,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_cancel_insert":        &lib.insertCancel,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.insertDestroy,
	} {
		purego.RegisterLibFunc(function, handle, name)
	}
	lib.setSignalHandlersEnabled(0)
	return lib, nil
}

// analysis is the library's report about a statement's text; the layout is fixed by its C declaration.
type analysis struct {
	size       uint32
	statements uint32
	_          uint32 // flags
	class      uint32
}

// The classes of statement the library tells apart, in ascending order of how much they may do.
const (
	classRead    = 0 // leaves no trace
	classWrite   = 1 // changes a database
	classGlobal  = 2 // changes something beside the databases: functions, users, collections
	classControl = 3 // session, system, files outside the store
	classUnknown = 4 // does not parse
)

// connection is one session of the embedded engine. It runs one statement at a time and is not safe for concurrent
// use. Settings given at connect hold for its whole life.
type connection struct {
	lib    *library
	handle *uintptr
}

func (l *library) open(arguments []string) (*connection, error) {
	argv := make([]*byte, 0, len(arguments)+1)
	var pin runtime.Pinner
	defer pin.Unpin()
	for _, argument := range arguments {
		text := append([]byte(argument), 0)
		pin.Pin(&text[0])
		argv = append(argv, &text[0])
	}
	argv = append(argv, nil)
	handle := l.connect(int32(len(arguments)), &argv[0])
	if handle == nil {
		return nil, errors.New("connect to the embedded engine: the library refused without a reason")
	}
	return &connection{lib: l, handle: handle}, nil
}

func (c *connection) close() {
	if c.handle != nil {
		c.lib.closeConn(c.handle)
		c.handle = nil
	}
}

// analyse says what a statement would do, decided by the engine's own parser, without running it.
func (c *connection) analyse(sql string) (analysis, error) {
	report := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	if c.lib.classify(*c.handle, unsafe.StringData(sql), uintptr(len(sql)), nil, 0, &report) != 0 {
		return report, errors.New("classify statement: the connection is closed")
	}
	return report, nil
}

// run executes one statement, hands its whole result to the sink, and returns the rows written, those of materialized
// views included. The bytes are the sink's only until it returns. A nil sink drops the result.
func (c *connection) run(sql, format string, parameters []parameter, sink func([]byte) error) (uint64, error) {
	p := packParameters(parameters)
	defer p.release()
	result := c.lib.queryWithParams(*c.handle, unsafe.StringData(sql), uintptr(len(sql)),
		unsafe.StringData(format), uintptr(len(format)), p.names, p.nameLens, p.values, p.valueLens, p.count)
	if result == 0 {
		return 0, errNothing
	}
	defer c.lib.resultDestroy(result)
	if text := c.lib.resultError(result); text != "" {
		return 0, parseException(text)
	}
	written := c.lib.resultRowsWritten(result)
	if sink == nil {
		return written, nil
	}
	return written, sink(c.lib.resultBytes(result))
}

// errNothing is a call that the library answered with no result at all.
var errNothing = errors.New("the embedded engine returned nothing")

// stream starts a statement whose result is fetched block by block.
func (c *connection) stream(sql, format string, parameters []parameter) (*resultStream, error) {
	p := packParameters(parameters)
	defer p.release()
	handle := c.lib.streamWithParams(*c.handle, unsafe.StringData(sql), uintptr(len(sql)),
		unsafe.StringData(format), uintptr(len(format)), p.names, p.nameLens, p.values, p.valueLens, p.count)
	if handle == 0 {
		return nil, errNothing
	}
	if text := c.lib.resultError(handle); text != "" {
		c.lib.resultDestroy(handle)
		return nil, parseException(text)
	}
	return &resultStream{conn: c, handle: handle}, nil
}

// resultStream is a result being produced.
type resultStream struct {
	conn   *connection
	handle uintptr
	ended  bool
}

// next hands the next piece of the result to the sink, and reports false at its end. The bytes are the sink's only
// until it returns.
func (s *resultStream) next(sink func([]byte) error) (bool, error) {
	if s.ended {
		return false, nil
	}
	lib := s.conn.lib
	result := lib.streamFetch(*s.conn.handle, s.handle)
	if result == 0 {
		s.ended = true
		return false, errNothing
	}
	defer lib.resultDestroy(result)
	if text := lib.resultError(result); text != "" {
		s.ended = true
		return false, parseException(text)
	}
	piece := lib.resultBytes(result)
	if len(piece) == 0 {
		s.ended = true
		return false, nil
	}
	return true, sink(piece)
}

func (s *resultStream) close() {
	if !s.ended {
		s.conn.lib.streamCancel(*s.conn.handle, s.handle)
		s.ended = true
	}
	s.conn.lib.resultDestroy(s.handle)
}

// insert starts an INSERT whose data follows in the given format. The statement has no FORMAT clause.
func (c *connection) insert(sql, format string) (*insertStream, error) {
	handle := c.lib.insertStart(*c.handle, unsafe.StringData(sql), uintptr(len(sql)),
		unsafe.StringData(format), uintptr(len(format)))
	if handle == 0 {
		return nil, errNothing
	}
	if text := c.lib.insertError(handle); text != "" {
		c.lib.insertDestroy(handle)
		return nil, parseException(text)
	}
	return &insertStream{lib: c.lib, handle: handle}, nil
}

// insertStream is an INSERT being fed.
type insertStream struct {
	lib    *library
	handle uintptr
}

// Write feeds one chunk; chunks need not end at row or block boundaries. It blocks while the engine is behind.
func (s *insertStream) Write(chunk []byte) (int, error) {
	if len(chunk) == 0 {
		return 0, nil
	}
	if s.lib.insertAppend(s.handle, &chunk[0], uintptr(len(chunk))) != 0 {
		return 0, s.failure()
	}
	return len(chunk), nil
}

// done commits the insert and returns the rows written, those of materialized views included.
func (s *insertStream) done() (uint64, error) {
	result := s.lib.insertDone(s.handle)
	if result == 0 {
		return 0, s.failure()
	}
	defer s.lib.resultDestroy(result)
	if text := s.lib.resultError(result); text != "" {
		return 0, parseException(text)
	}
	return s.lib.resultRowsWritten(result), nil
}

func (s *insertStream) cancel() { s.lib.insertCancel(s.handle) }

func (s *insertStream) close() { s.lib.insertDestroy(s.handle) }

// failure is why the engine stopped taking data. The reason is only settled once the stream is finished.
func (s *insertStream) failure() error {
	if text := s.lib.insertError(s.handle); text != "" {
		return parseException(text)
	}
	if result := s.lib.insertDone(s.handle); result != 0 {
		defer s.lib.resultDestroy(result)
		if text := s.lib.resultError(result); text != "" {
			return parseException(text)
		}
	}
	return errors.New("the embedded engine stopped taking the inserted data without a reason")
}

// resultBytes is a view of a result's bytes, which are the library's and go with the result.
func (l *library) resultBytes(result uintptr) []byte {
	length := l.resultLength(result)
	buffer := l.resultBuffer(result)
	if length == 0 || buffer == nil {
		return nil
	}
	return unsafe.Slice((*byte)(buffer), length)
}

// parameter is a value for a {name:Type} placeholder, in ClickHouse's escaped text form.
type parameter struct{ name, value string }

// packedParameters are parameters laid out as the C interface takes them.
type packedParameters struct {
	names, values       **byte
	nameLens, valueLens *uintptr
	count               uintptr
	pin                 runtime.Pinner
}

func packParameters(parameters []parameter) *packedParameters {
	p := &packedParameters{count: uintptr(len(parameters))}
	if len(parameters) == 0 {
		return p
	}
	names := make([]*byte, len(parameters))
	values := make([]*byte, len(parameters))
	nameLens := make([]uintptr, len(parameters))
	valueLens := make([]uintptr, len(parameters))
	for i, each := range parameters {
		// A trailing zero gives an empty value an address too.
		name, value := append([]byte(each.name), 0), append([]byte(each.value), 0)
		p.pin.Pin(&name[0])
		p.pin.Pin(&value[0])
		names[i], values[i] = &name[0], &value[0]
		nameLens[i], valueLens[i] = uintptr(len(each.name)), uintptr(len(each.value))
	}
	p.pin.Pin(&names[0])
	p.pin.Pin(&values[0])
	p.pin.Pin(&nameLens[0])
	p.pin.Pin(&valueLens[0])
	p.names, p.values, p.nameLens, p.valueLens = &names[0], &values[0], &nameLens[0], &valueLens[0]
	return p
}

func (p *packedParameters) release() { p.pin.Unpin() }
