package backend

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// The files that both services append to, in the format of OpenTelemetry's file exporter: one export a line, as OTLP JSON.
const (
	SpansFile = "spans.jsonl"
	LogsFile  = "logs.jsonl"
)

// openFiles returns HTTP clients whose requests end in files: what is written is what would have been sent, exactly.
func openFiles(folder string) (spans, logs *http.Client, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fmt.Errorf("keep telemetry in files: %w", err)
	}
	for _, f := range []struct {
		name string
		json func([]byte) ([]byte, error)
		into **http.Client
	}{{SpansFile, spansAsJSON, &spans}, {LogsFile, logsAsJSON, &logs}} {
		path := filepath.Join(folder, f.name)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("keep telemetry in files: %w", err)
		}
		if err := file.Close(); err != nil {
			return nil, nil, fmt.Errorf("keep telemetry in files: %w", err)
		}
		*f.into = &http.Client{Transport: &toFile{path: path, json: f.json}}
	}
	return spans, logs, nil
}

// toFile appends the body of each request to a file, and answers that it was taken.
type toFile struct {
	path string
	json func(protobuf []byte) ([]byte, error)
	one  sync.Mutex
}

// RoundTrip opens the file anew each time, so that nothing has to be closed and both services can append to it.
func (f *toFile) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read an export: %w", err)
	}
	_ = r.Body.Close()
	line, err := f.json(body)
	if err != nil {
		return nil, fmt.Errorf("read an export: %w", err)
	}
	f.one.Lock()
	defer f.one.Unlock()
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep an export: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil { // one write: lines of two services do not mix
		return nil, fmt.Errorf("keep an export: %w", err)
	}
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/x-protobuf"}},
		Body: io.NopCloser(bytes.NewReader(nil))}, nil
}

func spansAsJSON(protobuf []byte) ([]byte, error) {
	export := ptraceotlp.NewExportRequest()
	if err := export.UnmarshalProto(protobuf); err != nil {
		return nil, err
	}
	return export.MarshalJSON()
}

func logsAsJSON(protobuf []byte) ([]byte, error) {
	export := plogotlp.NewExportRequest()
	if err := export.UnmarshalProto(protobuf); err != nil {
		return nil, err
	}
	return export.MarshalJSON()
}

// quoted puts a value that would fall apart in a line of words into quotes.
func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " \"=\n") {
		return strconv.Quote(value)
	}
	return value
}
