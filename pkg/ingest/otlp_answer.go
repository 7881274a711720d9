package ingest

import (
	"fmt"
	"net/http"
	"strconv"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// How OTLP/HTTP wants to be answered (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response"): in the encoding of the
// request; 200 and an export response with what was not taken; a google.rpc.Status for a refusal; and success for a
// request without any item.
var (
	answerOTLPLogs   = answerStyle{write: writeLogsTaken, refuse: writeStatus, empty: &struct{}{}}
	answerOTLPTraces = answerStyle{write: writeTracesTaken, refuse: writeStatus, empty: &struct{}{}}
)

func writeLogsTaken(w http.ResponseWriter, r *http.Request, d *reading) int {
	response := plogotlp.NewExportResponse()
	if len(d.rejected) > 0 {
		response.PartialSuccess().SetRejectedLogRecords(int64(len(d.rejected)))
		response.PartialSuccess().SetErrorMessage(rejections(d.rejected))
	}
	return writeOTLP(w, r, http.StatusOK, response.MarshalProto, response.MarshalJSON)
}

func writeTracesTaken(w http.ResponseWriter, r *http.Request, d *reading) int {
	response := ptraceotlp.NewExportResponse()
	if len(d.rejected) > 0 {
		response.PartialSuccess().SetRejectedSpans(int64(len(d.rejected)))
		response.PartialSuccess().SetErrorMessage(rejections(d.rejected))
	}
	return writeOTLP(w, r, http.StatusOK, response.MarshalProto, response.MarshalJSON)
}

// rejections tells the first of the reasons, which are mostly the same.
func rejections(all []rejection) string {
	return fmt.Sprintf("%d not taken; the first, %s[%d]: %s", len(all), all[0].List, all[0].Index, all[0].Reason)
}

func writeStatus(w http.ResponseWriter, r *http.Request, refused *refusal) {
	status := &spb.Status{Code: int32(statusCode(refused.status)), Message: refused.message}
	writeOTLP(w, r, refused.status,
		func() ([]byte, error) { return proto.Marshal(status) }, func() ([]byte, error) { return protojson.Marshal(status) })
}

// statusCode is the gRPC code of an HTTP status.
func statusCode(status int) codes.Code {
	switch status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	default:
		return codes.InvalidArgument
	}
}

// writeOTLP answers in the encoding of the request, JSON where that is neither.
func writeOTLP(w http.ResponseWriter, r *http.Request, status int, protobuf, json func() ([]byte, error)) int {
	encode := json
	if mediaType(r) == mediaProtobuf {
		encode = protobuf
	}
	body, err := encode()
	if err != nil { // of a message made here it is not to be expected; the status is what counts
		w.WriteHeader(status)
		return status
	}
	if mediaType(r) != mediaProtobuf {
		writeJSON(w, status, body)
		return status
	}
	h := w.Header()
	h.Set("Content-Type", mediaProtobuf)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return status
}
