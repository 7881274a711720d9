package engine

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Exception codes of ClickHouse that the interface itself raises.
const (
	codeBadArguments       = 36
	codeSyntaxError        = 62
	codeUnknownSetting     = 115
	codeUnknownFormat      = 73
	codeReadonly           = 164
	codeTooManySessions    = 202
	codeQueryIDInUse       = 216
	codeQueryCancelled     = 394
	codeAccessDenied       = 497
	codeAuthenticationFail = 516
	codeTooLarge           = 307
	codeUnknownException   = 1002
)

// Exception is an error as ClickHouse numbers them.
type Exception struct {
	Code    int
	Message string // full text, starting with "Code: N. DB::Exception: "
}

func (e *Exception) Error() string { return e.Message }

// newException builds an exception raised by the interface in the shape ClickHouse gives its own. name is the
// symbolic name of the code.
func newException(code int, name, format string, arguments ...any) *Exception {
	return &Exception{
		Code:    code,
		Message: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, arguments...), name),
	}
}

var exceptionCode = regexp.MustCompile(`^Code: (\d+)\.`)

// parseException reads the code from an error text of the engine.
func parseException(text string) *Exception {
	text = strings.TrimSpace(text)
	if match := exceptionCode.FindStringSubmatch(text); match != nil {
		if code, err := strconv.Atoi(match[1]); err == nil {
			return &Exception{Code: code, Message: text}
		}
	}
	return newException(codeUnknownException, "UNKNOWN_EXCEPTION", "%s", strings.TrimSuffix(text, "."))
}

// httpStatus is the HTTP status ClickHouse answers an exception with.
func httpStatus(code int) int {
	switch code {
	case codeAuthenticationFail:
		return http.StatusUnauthorized
	case codeAccessDenied, codeReadonly, 291, 344:
		return http.StatusForbidden
	case codeSyntaxError, codeBadArguments, codeUnknownSetting, codeUnknownFormat,
		6, 26, 27, 38, 41, 42, 43, 44, 46, 47, 53, 57, 63, 70, 72, 117, 179, 386, 457:
		return http.StatusBadRequest
	case 16, 60, 81:
		return http.StatusNotFound
	case 159, 160:
		return http.StatusRequestTimeout
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeQueryIDInUse:
		return http.StatusConflict
	case codeTooManySessions:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
