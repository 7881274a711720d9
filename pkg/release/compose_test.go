package release

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/stretchr/testify/require"
)

const sources = "../.."

// composed is the project as docker compose itself would read it.
func composed(t *testing.T, files ...string) *types.Project {
	t.Helper()
	for i, file := range files {
		files[i] = filepath.Join(sources, file)
	}
	options, err := cli.NewProjectOptions(files, cli.WithInterpolation(true), cli.WithConsistency(true))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestTheContainersAreSafeToStart(t *testing.T) {
	everything := map[string][]string{
		"one server": {"docker-compose.yaml"},
		"a cluster":  {"docker-compose.yaml", "docker-compose.cluster.yaml"},
	}
	for name, files := range everything {
		t.Run(name, func(t *testing.T) {
			project := composed(t, files...)
			for _, service := range project.Services {
				t.Run(service.Name, func(t *testing.T) { safe(t, project, service) })
			}
		})
	}
}

func safe(t *testing.T, project *types.Project, service types.ServiceConfig) {
	pinned(t, service)
	require.NotNil(t, service.HealthCheck, "has a health check")
	require.False(t, service.HealthCheck.Disable)
	require.Greater(t, len(service.HealthCheck.Test), 1, "asks something")

	require.NotNil(t, service.Deploy)
	limits := service.Deploy.Resources.Limits
	require.NotNil(t, limits, "has limits")
	require.NotZero(t, limits.MemoryBytes, "has a memory limit")
	require.NotZero(t, limits.NanoCPUs, "has a CPU limit")
	require.NotZero(t, limits.Pids, "has a process limit")

	require.False(t, service.Privileged)
	require.Empty(t, service.CapAdd)
	require.Contains(t, service.SecurityOpt, "no-new-privileges:true")
	require.NotEmpty(t, service.User, "says which user it runs as")
	require.NotRegexp(t, `^(0|root)(:|$)`, service.User, "that user is not root")
	require.Empty(t, service.NetworkMode+service.Pid+service.Ipc, "shares nothing with the host")

	for _, port := range service.Ports {
		address, err := netip.ParseAddr(port.HostIP)
		require.NoError(t, err, "port %s says on which address", port.Published)
		require.True(t, address.IsLoopback(), "port %s is on this machine only", port.Published)
	}
	for _, secret := range service.Secrets {
		require.Contains(t, project.Secrets, secret.Source, "the secret is declared")
	}
	for key, value := range service.Environment {
		if value != nil && strings.Contains(key, "PASSWORD") {
			require.Regexp(t, `/run/secrets/\w+`, *value, "%s names a secret and does not hold one", key)
		}
	}
	for _, mount := range service.Volumes {
		switch mount.Type {
		case types.VolumeTypeVolume:
			require.Contains(t, project.Volumes, mount.Source, "the volume is declared")
		case types.VolumeTypeBind:
			_, err := os.Stat(mount.Source)
			require.NoError(t, err, "what is mounted exists")
			require.True(t, mount.ReadOnly, "%s is only read", mount.Source)
		default:
			t.Errorf("%s mounts a %s", mount.Target, mount.Type)
		}
	}
	for name := range service.DependsOn {
		require.Contains(t, project.Services, name)
	}
}

// pinned wants an image by its full version, or one that is built from a stage of the Dockerfile.
func pinned(t *testing.T, service types.ServiceConfig) {
	named, err := reference.ParseNormalizedNamed(service.Image)
	require.NoError(t, err)
	tagged, ok := named.(reference.NamedTagged)
	require.True(t, ok, "%s has a tag", service.Image)
	require.Regexp(t, `^v?\d+\.\d+\.\d+`, tagged.Tag(), "the tag is a full version")
	if service.Build != nil {
		dockerfile, err := os.ReadFile(filepath.Join(service.Build.Context, "Dockerfile"))
		require.NoError(t, err)
		require.Contains(t, string(dockerfile), " AS "+service.Build.Target+"\n", "the Dockerfile has this stage")
	}
}

func TestTheStackHasEveryPart(t *testing.T) {
	project := composed(t, "docker-compose.yaml")
	require.Subset(t, project.ServiceNames(),
		[]string{"grafana", "clickhouse", "sidecar", "shop", "tempo", "loki", "prometheus"})

	grafana := project.Services["grafana"]
	variable := regexp.MustCompile(`(?:^|[^$])\$\{([A-Z_]+)\}`)
	provisioned, err := filepath.Glob(filepath.Join(sources, "provisioning", "*", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, provisioned)
	for _, file := range provisioned {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, open := range variable.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, grafana.Environment, open[1], "%s leaves it to whoever starts Grafana", file)
		}
	}
	require.Equal(t, "$__file{/run/secrets/reader_password}", *grafana.Environment["SIGHTLINE_READER_PASSWORD"])
}

func TestACheckedOutClusterHasTheNodesItsConfigurationNames(t *testing.T) {
	project := composed(t, "docker-compose.yaml", "docker-compose.cluster.yaml")
	text, err := os.ReadFile(filepath.Join(sources, "docker", "cluster", "cluster.yaml"))
	require.NoError(t, err)
	var nodes []string
	for _, host := range regexp.MustCompile(`host: ([\w-]+), port: 9000`).FindAllStringSubmatch(string(text), -1) {
		nodes = append(nodes, host[1])
	}
	require.Len(t, nodes, 4, "two shards with two replicas")
	identities := map[string]bool{}
	for _, node := range nodes {
		service, ok := project.Services[node]
		require.True(t, ok, node)
		require.Equal(t, node, service.Hostname)
		identities[*service.Environment["SHARD"]+"/"+*service.Environment["REPLICA"]] = true
		require.True(t, slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Target == "/var/lib/clickhouse" && v.Source == node
		}), "%s keeps its rows in a volume of its own", node)
	}
	require.Len(t, identities, 4, "no node takes another for itself")
	require.Equal(t, "8788", project.Services["sidecar-2"].Ports[0].Published)
}

func TestSecretsAreMadeOnceAndForEverySecretOfTheStack(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sources, "docker-compose.yaml"))
	require.NoError(t, err)
	folder := t.TempDir()
	compose := filepath.Join(folder, "docker-compose.yaml")
	require.NoError(t, os.WriteFile(compose, text, 0o600))

	made, err := Secrets(compose)
	require.NoError(t, err)
	project := composed(t, "docker-compose.yaml")
	require.Len(t, made, len(project.Secrets))
	passwords := map[string]bool{}
	for _, file := range made {
		password, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Regexp(t, `^[A-Z2-7]{26}\n$`, string(password), "shell, SQL and YAML all take it as it is")
		passwords[string(password)] = true
	}
	require.Len(t, passwords, len(made))

	again, err := Secrets(compose)
	require.NoError(t, err)
	require.Empty(t, again, "a password that a volume knows is never replaced")
}
