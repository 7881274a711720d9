package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ClickHouse's error codes for a login or database it does not accept: src/Common/ErrorCodes.cpp.
const (
	codeUnknownDatabase = 81
	codeUnknownUser     = 192
	codeWrongPassword   = 193
	codeNeedsPassword   = 194
	codeAccessDenied    = 497
	codeAuthentication  = 516
)

// whyUnreachable turns a failed connection into one sentence with the next step.
func (s *Settings) whyUnreachable(err error) string {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return s.whyRefused(exception)
	}
	var (
		status      *clickhouse.HTTPError
		network     net.Error
		dns         *net.DNSError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The host of %s is not known: check the address.", s.Address)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing listens on %s: start ClickHouse or `sightline serve`, or correct the address.", s.Address)
	case errors.As(err, &authority):
		return fmt.Sprintf("The certificate of %s is signed by an unknown authority: paste its CA certificate.", s.Address)
	case errors.As(err, &hostname):
		return fmt.Sprintf("The certificate of %s is for another name: set the TLS server name to one it lists.", s.Address)
	case errors.As(err, &certificate):
		return fmt.Sprintf("The certificate of %s is not accepted: renew it or correct the TLS settings.", s.Address)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS: switch TLS off, or use the port that has it.", s.Address)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("%s did not answer in time: check address, port (HTTP 8123, native 9000), protocol and firewall.",
			s.Address)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "unexpected packet"):
		return fmt.Sprintf("%s does not speak ClickHouse's %s protocol: check the port (HTTP 8123, native 9000), "+
			"the protocol and TLS.", s.Address, s.Protocol)
	case errors.As(err, &status):
		return fmt.Sprintf("%s answers, but not as ClickHouse does: check address and port.", s.Address)
	default:
		return fmt.Sprintf("ClickHouse at %s cannot be used: check address, protocol and TLS.", s.Address)
	}
}

// whyRefused is for a ClickHouse that was reached and said no.
func (s *Settings) whyRefused(exception *clickhouse.Exception) string {
	switch exception.Code {
	case codeAuthentication, codeUnknownUser, codeWrongPassword, codeNeedsPassword:
		return fmt.Sprintf("ClickHouse at %s refuses user %q: check user name and password.", s.Address, s.Username)
	case codeUnknownDatabase:
		return fmt.Sprintf("ClickHouse at %s has no database %s: run `sightline migrate`, or correct the name.",
			s.Address, s.Database)
	case codeAccessDenied:
		return fmt.Sprintf("User %q may not read database %s: grant it SELECT there.", s.Username, s.Database)
	default:
		return fmt.Sprintf("ClickHouse at %s answers with error %d: see the details.", s.Address, exception.Code)
	}
}
