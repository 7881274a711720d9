package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Protocols a store is spoken to with.
const (
	ProtocolHTTP   = "http"
	ProtocolNative = "native"
)

// DefaultDatabase is the database used where none is named.
const DefaultDatabase = "sightline"

// Config is how to reach a store. Only Address is required.
type Config struct {
	Address  string // host:port; several, of one cluster, are separated by commas
	Protocol string // ProtocolHTTP (default) or ProtocolNative
	Secure   bool   // TLS
	TLS      TLS    // used when Secure
	Database string // default DefaultDatabase
	User     string
	Password string

	dsn *clickhouse.Options // what a DSN says beyond the fields above: time-outs, compression, settings
}

// TLS holds PEM texts; empty ones take the system's roots and no client certificate.
type TLS struct {
	InsecureSkipVerify bool
	ServerName         string
	CACert             string
	ClientCert         string
	ClientKey          string
}

// FromAccess is the configuration of the embedded engine.
func FromAccess(address, database, user, password string) Config {
	return Config{Address: address, Protocol: ProtocolHTTP, Database: database, User: user, Password: password}
}

// ParseDSN reads a DSN as clickhouse-go knows them, such as clickhouse://user:password@host:9000/sightline?secure=true
// or https://host:8443/sightline.
func ParseDSN(dsn string) (Config, error) {
	scheme, rest, found := strings.Cut(dsn, "://")
	if !found {
		return Config{}, errors.New("store: a DSN starts with clickhouse://, tcp://, http:// or https://")
	}
	switch scheme {
	case "clickhouse", "native", "tcp", "http":
	case "https": // clickhouse-go wants it said twice
		if parsed, err := url.Parse(dsn); err == nil && !parsed.Query().Has("secure") {
			query := parsed.Query()
			query.Set("secure", "true")
			parsed.RawQuery = query.Encode()
			_, rest, _ = strings.Cut(parsed.String(), "://")
		}
	default:
		return Config{}, fmt.Errorf("store: unknown DSN scheme %q: use clickhouse, tcp, http or https", scheme)
	}
	options, err := clickhouse.ParseDSN(scheme + "://" + rest)
	if err != nil {
		return Config{}, fmt.Errorf("store: read DSN: %w", err)
	}
	config := Config{
		Protocol: ProtocolNative,
		Database: options.Auth.Database,
		User:     options.Auth.Username,
		Password: options.Auth.Password,
		dsn:      options,
	}
	if options.Protocol == clickhouse.HTTP {
		config.Protocol = ProtocolHTTP
	}
	if options.TLS != nil {
		config.Secure = true
		config.TLS = TLS{InsecureSkipVerify: options.TLS.InsecureSkipVerify, ServerName: options.TLS.ServerName}
	}
	if config.Database == "" {
		config.Database = DefaultDatabase
	}
	config.Address = config.withPorts(strings.Join(options.Addr, ","))
	return config, nil
}

// withPort adds ClickHouse's own default port to an address without one.
func (c Config) withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	port := map[string]map[bool]string{
		ProtocolNative: {false: "9000", true: "9440"},
		ProtocolHTTP:   {false: "8123", true: "8443"},
	}[c.Protocol][c.Secure]
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}

// options translates the configuration for clickhouse-go.
func (c Config) options() (*clickhouse.Options, error) {
	options := &clickhouse.Options{DialTimeout: 5 * time.Second}
	if c.dsn != nil {
		kept := *c.dsn
		options = &kept
	}
	switch c.Protocol {
	case ProtocolHTTP, "":
		options.Protocol = clickhouse.HTTP
	case ProtocolNative:
		options.Protocol = clickhouse.Native
	default:
		return nil, fmt.Errorf("store: unknown protocol %q: use %q or %q", c.Protocol, ProtocolHTTP, ProtocolNative)
	}
	options.Addr = nil
	for address := range strings.SplitSeq(c.Address, ",") {
		address = strings.TrimSpace(address)
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("store: address %q is not host:port, such as 127.0.0.1:8123", address)
		}
		options.Addr = append(options.Addr, address)
	}
	options.Auth = clickhouse.Auth{Database: c.database(), Username: c.User, Password: c.Password}
	// Compressing costs more than it saves on the same machine; across a network LZ4 pays.
	if options.Compression == nil && !allLoopback(options.Addr) {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	// A subquery of a Distributed table is asked of every shard at once, and not shard by shard of its own rows: the ten
	// slowest routes of a shard are not those of all. Where a table is not Distributed this means nothing.
	options.Settings = maps.Clone(options.Settings)
	if options.Settings == nil {
		options.Settings = clickhouse.Settings{}
	}
	if _, chosen := options.Settings["distributed_product_mode"]; !chosen {
		options.Settings["distributed_product_mode"] = "global"
	}
	if c.Secure {
		var err error
		if options.TLS, err = c.TLS.config(); err != nil {
			return nil, err
		}
	}
	return options, nil
}

func (c Config) database() string {
	if c.Database == "" {
		return DefaultDatabase
	}
	return c.Database
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the operator's own choice
		ServerName:         t.ServerName,
		MinVersion:         tls.VersionTLS12,
	}
	if t.CACert != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CACert)) {
			return nil, errors.New("store: the CA certificate is not a PEM certificate")
		}
	}
	if t.ClientCert != "" || t.ClientKey != "" {
		pair, err := tls.X509KeyPair([]byte(t.ClientCert), []byte(t.ClientKey))
		if err != nil {
			return nil, fmt.Errorf("store: client certificate and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func allLoopback(addresses []string) bool {
	for _, address := range addresses {
		host, _, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
