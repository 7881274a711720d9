// Package pluginhost starts the built plugin in its own process and talks to it over gRPC, exactly as Grafana does.
// `sightline query` and the tests use it: what they see is what Grafana would see.
package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// startTimeout is generous: a start takes about 40 ms, but a cold disk or a busy machine may need seconds.
const startTimeout = 30 * time.Second

// Host is one running plugin process. It is safe for concurrent use.
type Host struct {
	client      *goplugin.Client
	kill        context.CancelFunc
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	data        grpcplugin.DataClient
}

// Options say how the plugin process runs. The zero value is what tests and the command line want.
type Options struct {
	// Env is the whole environment of the plugin, KEY=value: like a current Grafana, the host passes on none of its own.
	Env []string

	// Logger receives the plugin's log lines, which arrive as JSON on its stderr. Without one they are dropped.
	Logger hclog.Logger
}

// Start runs the plugin binary and returns once it answers over gRPC. The context bounds the start only; Stop ends the
// process.
func Start(ctx context.Context, binary string, options Options) (*Host, error) {
	logger := options.Logger
	if logger == nil {
		logger = hclog.NewNullLogger()
	}
	// go-plugin's start cannot be interrupted, so giving up on it means killing the process, at which it ends by itself.
	process, kill := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, kill)
	command := exec.CommandContext(process, binary)
	command.Env = options.Env

	h := &Host{kill: kill, client: goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: command,
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{
			grpcplugin.ProtocolVersion: {
				"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
				"resource":    &grpcplugin.ResourceGRPCPlugin{},
				"data":        &grpcplugin.DataGRPCPlugin{},
				"stream":      &grpcplugin.StreamGRPCPlugin{},
			},
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		Logger:           logger,
	})}

	err := h.connect()
	if !detach() && err == nil {
		err = context.Cause(ctx)
	}
	switch {
	case err == nil:
		return h, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		err = explain(binary, err)
	}
	h.Stop()
	return nil, fmt.Errorf("start the plugin: %w", err)
}

// Stop ends the plugin process: it asks first and kills after two seconds.
func (h *Host) Stop() {
	h.client.Kill()
	h.kill()
}

// Exited reports whether the plugin process has ended, by Stop or by itself.
func (h *Host) Exited() bool { return h.client.Exited() }

func (h *Host) connect() error {
	protocol, err := h.client.Client()
	if err != nil {
		return err
	}
	if h.diagnostics, err = dispense[grpcplugin.DiagnosticsClient](protocol, "diagnostics"); err != nil {
		return err
	}
	if h.resource, err = dispense[grpcplugin.ResourceClient](protocol, "resource"); err != nil {
		return err
	}
	h.data, err = dispense[grpcplugin.DataClient](protocol, "data")
	return err
}

func dispense[T any](protocol goplugin.ClientProtocol, name string) (T, error) {
	var none T
	raw, err := protocol.Dispense(name)
	if err != nil {
		return none, fmt.Errorf("dispense %s: %w", name, err)
	}
	client, ok := raw.(T)
	if !ok {
		return none, fmt.Errorf("dispense %s: unexpected client %T", name, raw)
	}
	return client, nil
}

// explain says what to do about the two starts that fail for reasons outside the plugin.
func explain(binary string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no plugin binary at %s: build it with: go tool mage build", binary)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s may not be executed: chmod +x %s", binary, binary)
	case strings.Contains(err.Error(), "Unrecognized remote plugin message"):
		return fmt.Errorf("%s is not a Grafana plugin for this host, or stopped at once: %w", binary, err)
	}
	return err
}
