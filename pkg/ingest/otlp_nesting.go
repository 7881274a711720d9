package ingest

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoShape is what matters of a protobuf message's definition to find out how deep a payload is nested without
// decoding it: which fields hold messages, and of what shape.
type protoShape map[protowire.Number]*protoShape

// The shapes of OTLP (opentelemetry/proto: common, logs and trace). Only values of attributes and bodies nest without
// an end of their own.
var (
	protoValue    = &protoShape{}
	protoKeyValue = &protoShape{2: protoValue}
	protoResource = &protoShape{1: protoKeyValue}
	protoScope    = &protoShape{3: protoKeyValue}
	protoRecord   = &protoShape{5: protoValue, 6: protoKeyValue}
	protoSpan     = &protoShape{9: protoKeyValue, 11: {3: protoKeyValue}, 13: {4: protoKeyValue}}
	protoLogs     = &protoShape{1: {1: protoResource, 2: {1: protoScope, 2: protoRecord}}}
	protoTraces   = &protoShape{1: {1: protoResource, 2: {1: protoScope, 2: protoSpan}}}
)

func init() {
	*protoValue = protoShape{5: {1: protoValue}, 6: {1: protoKeyValue}}
}

// checkNesting says whether a payload is nested too deep. It need not be valid otherwise.
func (s *protoShape) checkNesting(payload []byte) error {
	if s.deeper(payload, 1) {
		return fmt.Errorf("the payload is nested more than %d deep", maxNesting)
	}
	return nil
}

func (s *protoShape) deeper(message []byte, depth int) bool {
	if depth > maxNesting {
		return true
	}
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false // the decoder says what is wrong
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return false
		}
		if inner, known := (*s)[number]; known && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message)
			if inner.deeper(content, depth+1) {
				return true
			}
		}
		message = message[n:]
	}
	return false
}
