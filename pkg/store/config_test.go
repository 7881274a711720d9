package store

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

func TestADSNSaysHowToReachAStore(t *testing.T) {
	for dsn, want := range map[string]Config{
		"clickhouse://rum:secret@ch:9000/traffic": {Address: "ch:9000", Protocol: ProtocolNative, User: "rum", Password: "secret", Database: "traffic"},
		"tcp://ch":                                   {Address: "ch:9000", Protocol: ProtocolNative, Database: DefaultDatabase},
		"clickhouse://ch?secure=true":                {Address: "ch:9440", Protocol: ProtocolNative, Secure: true, Database: DefaultDatabase},
		"http://ch/traffic":                          {Address: "ch:8123", Protocol: ProtocolHTTP, Database: "traffic"},
		"https://u:p%40ss@ch/traffic":                {Address: "ch:8443", Protocol: ProtocolHTTP, Secure: true, User: "u", Password: "p@ss", Database: "traffic"},
		"https://ch:443?skip_verify=true":            {Address: "ch:443", Protocol: ProtocolHTTP, Secure: true, TLS: TLS{InsecureSkipVerify: true}, Database: DefaultDatabase},
		"clickhouse://a:9001,b/traffic":              {Address: "a:9001,b:9000", Protocol: ProtocolNative, Database: "traffic"},
		"http://[::1]:8123":                          {Address: "[::1]:8123", Protocol: ProtocolHTTP, Database: DefaultDatabase},
		"clickhouse://ch?dial_timeout=2s&compress=1": {Address: "ch:9000", Protocol: ProtocolNative, Database: DefaultDatabase},
	} {
		got, err := ParseDSN(dsn)
		require.NoError(t, err, dsn)
		got.dsn = nil
		require.Equal(t, want, got, dsn)
	}
	for dsn, reason := range map[string]string{
		"ch:9000":                        "a DSN starts with",
		"mysql://ch":                     "unknown DSN scheme",
		"clickhouse://":                  "read DSN",
		"clickhouse://ch?dial_timeout=x": "read DSN",
	} {
		_, err := ParseDSN(dsn)
		require.ErrorContains(t, err, reason, dsn)
	}
}

func TestWhatADSNSaysBeyondTheFieldsIsKept(t *testing.T) {
	config, err := ParseDSN("clickhouse://ch?dial_timeout=2s&compress=zstd&max_memory_usage=1000")
	require.NoError(t, err)
	options, err := config.options()
	require.NoError(t, err)
	require.Equal(t, "2s", options.DialTimeout.String())
	require.Equal(t, clickhouse.CompressionZSTD, options.Compression.Method)
	require.Equal(t, 1000, options.Settings["max_memory_usage"])
}

func TestAConfigurationThatCannotWorkIsRefusedBeforeDialling(t *testing.T) {
	for reason, config := range map[string]Config{
		"is not host:port":    {Address: "localhost"},
		"unknown protocol":    {Address: "localhost:1", Protocol: "grpc"},
		"not a PEM":           {Address: "localhost:1", Secure: true, TLS: TLS{CACert: "x"}},
		"certificate and key": {Address: "localhost:1", Secure: true, TLS: TLS{ClientCert: "x", ClientKey: "y"}},
	} {
		_, err := Open(config)
		require.ErrorContains(t, err, reason)
	}
}

func TestOnlyANetworkIsWorthCompressing(t *testing.T) {
	for address, compressed := range map[string]bool{"127.0.0.1:8123": false, "[::1]:8123": false, "localhost:1": false, "ch:8123": true, "10.0.0.1:9000": true} {
		options, err := Config{Address: address}.options()
		require.NoError(t, err)
		require.Equal(t, compressed, options.Compression != nil, address)
	}
}
