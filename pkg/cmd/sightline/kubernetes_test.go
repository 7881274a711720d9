package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const manifests = "../../../packaging/kubernetes"

// kubernetes is what is applied to a cluster of Kubernetes, by kind and name.
type kubernetes struct {
	maps     map[string]*core.ConfigMap
	services map[string]*core.Service
	sidecars *apps.StatefulSet
	budget   *policy.PodDisruptionBudget
	network  *networking.NetworkPolicy
	migrate  *batch.Job
	secret   *core.Secret
}

// applied reads what kustomize makes of the folder, and the two files that are applied apart from it.
func applied(t *testing.T) *kubernetes {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifests)
	require.NoError(t, err)
	text, err := built.AsYaml()
	require.NoError(t, err)
	k := &kubernetes{maps: map[string]*core.ConfigMap{}, services: map[string]*core.Service{}}
	k.decode(t, text)
	for _, file := range []string{"migrate.yaml", "secret.example.yaml"} {
		text, err := os.ReadFile(filepath.Join(manifests, file))
		require.NoError(t, err)
		k.decode(t, text)
	}
	return k
}

// decode reads every document as the API server would with strict validation: an unknown or a repeated field is an error.
func (k *kubernetes) decode(t *testing.T, text []byte) {
	t.Helper()
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var kind struct{ Kind string }
		require.NoError(t, yaml.Unmarshal(document, &kind))
		into := map[string]any{
			"ConfigMap": &core.ConfigMap{}, "Service": &core.Service{}, "StatefulSet": &apps.StatefulSet{},
			"PodDisruptionBudget": &policy.PodDisruptionBudget{}, "NetworkPolicy": &networking.NetworkPolicy{},
			"Job": &batch.Job{}, "Secret": &core.Secret{},
		}[kind.Kind]
		require.NotNil(t, into, "a %s is among the manifests", kind.Kind)
		require.NoError(t, yaml.UnmarshalStrict(document, into), kind.Kind)
		switch one := into.(type) {
		case *core.ConfigMap:
			k.maps[one.Name] = one
		case *core.Service:
			k.services[one.Name] = one
		case *apps.StatefulSet:
			k.sidecars = one
		case *policy.PodDisruptionBudget:
			k.budget = one
		case *networking.NetworkPolicy:
			k.network = one
		case *batch.Job:
			k.migrate = one
		case *core.Secret:
			k.secret = one
		}
	}
}

// containers are all of a pod, those that run first included.
func containers(pod core.PodSpec) []core.Container {
	return slices.Concat(pod.InitContainers, pod.Containers)
}

func (k *kubernetes) pods() map[string]core.PodTemplateSpec {
	return map[string]core.PodTemplateSpec{"sidecar": k.sidecars.Spec.Template, "migration": k.migrate.Spec.Template}
}

func TestOnKubernetesEveryPodIsConfined(t *testing.T) {
	for name, template := range applied(t).pods() {
		pod := template.Spec
		require.False(t, *pod.AutomountServiceAccountToken, "%s has no access to the cluster", name)
		require.False(t, *pod.EnableServiceLinks, "%s gets no variables of services", name)
		require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC, name)
		require.True(t, *pod.SecurityContext.RunAsNonRoot)
		require.EqualValues(t, 10001, *pod.SecurityContext.RunAsUser, "the user of the image")
		require.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
		for _, c := range containers(pod) {
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, c.Name)
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, c.Name)
			require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, c.Name)
			require.Empty(t, c.SecurityContext.Capabilities.Add, c.Name)
			for _, resource := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
				require.Contains(t, c.Resources.Requests, resource, "%s says what it needs", c.Name)
				require.Contains(t, c.Resources.Limits, resource, "%s is bounded", c.Name)
			}
			for _, mount := range c.VolumeMounts {
				writable := mount.Name == "data" || mount.Name == "tmp"
				require.Equal(t, !writable, mount.ReadOnly, "%s writes to its volume and its temporary folder alone", c.Name)
			}
		}
		for _, volume := range pod.Volumes {
			require.Nil(t, volume.HostPath, "nothing of the node is mounted")
		}
	}
}

func TestOnKubernetesTheImageIsThatOfTheContainers(t *testing.T) {
	compose, err := os.ReadFile("../../../docker-compose.yaml")
	require.NoError(t, err)
	for _, template := range applied(t).pods() {
		for _, c := range containers(template.Spec) {
			require.Contains(t, string(compose), "\n  image: "+c.Image+"\n")
		}
	}
}

func TestOnKubernetesWhatIsNamedIsThere(t *testing.T) {
	k := applied(t)
	secretHas := func(key string) { require.Contains(t, k.secret.StringData, key) }
	for _, template := range k.pods() {
		pod := template.Spec
		mounted := map[string]bool{}
		for _, claim := range k.sidecars.Spec.VolumeClaimTemplates {
			mounted[claim.Name] = true
		}
		for _, volume := range pod.Volumes {
			mounted[volume.Name] = true
			if volume.ConfigMap != nil {
				require.Contains(t, k.maps, volume.ConfigMap.Name)
			}
			if volume.Secret != nil {
				require.Equal(t, k.secret.Name, volume.Secret.SecretName)
				for _, item := range volume.Secret.Items {
					secretHas(item.Key)
				}
			}
		}
		for _, c := range containers(pod) {
			for _, mount := range c.VolumeMounts {
				require.True(t, mounted[mount.Name], "%s mounts %s", c.Name, mount.Name)
			}
			for _, from := range c.EnvFrom {
				require.Contains(t, k.maps, from.ConfigMapRef.Name)
			}
			for _, variable := range c.Env {
				if variable.ValueFrom != nil {
					require.Equal(t, k.secret.Name, variable.ValueFrom.SecretKeyRef.Name)
					secretHas(variable.ValueFrom.SecretKeyRef.Key)
				}
			}
		}
	}
	documented, err := os.ReadFile("../../../docs/kubernetes.md")
	require.NoError(t, err)
	for key := range k.secret.StringData {
		require.Regexp(t, `--from-(file|literal)=`+key+`=`, string(documented), "it is said how to make the secret")
	}
}

// selects says whether labels are among those that a selector wants.
func selects(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func TestOnKubernetesSelectorsFindThePodsTheyAreFor(t *testing.T) {
	k := applied(t)
	sidecar, migration := k.sidecars.Spec.Template.Labels, k.migrate.Spec.Template.Labels
	for name, selector := range map[string]map[string]string{
		"the set": k.sidecars.Spec.Selector.MatchLabels, "the budget": k.budget.Spec.Selector.MatchLabels,
		"beacons": k.services["sightline"].Spec.Selector, "each pod": k.services["sightline-pods"].Spec.Selector,
	} {
		require.True(t, selects(selector, sidecar), name)
		require.False(t, selects(selector, migration), name)
	}
	policed := k.network.Spec.PodSelector.MatchLabels
	require.True(t, selects(policed, sidecar) && selects(policed, migration))

	// A pod that gets no more beacons is still the set's, and still found by its name.
	emptied := map[string]string{"sightline-beacons": "off"}
	for name, value := range sidecar {
		if name != "sightline-beacons" {
			emptied[name] = value
		}
	}
	require.False(t, selects(k.services["sightline"].Spec.Selector, emptied))
	require.True(t, selects(k.sidecars.Spec.Selector.MatchLabels, emptied))
	require.True(t, selects(k.services["sightline-pods"].Spec.Selector, emptied))
	require.Equal(t, k.sidecars.Spec.ServiceName, k.services["sightline-pods"].Name)
	require.Equal(t, "None", k.services["sightline-pods"].Spec.ClusterIP)
}

// ports are a sidecar's, by name.
func (k *kubernetes) ports() map[string]int32 {
	all := map[string]int32{}
	for _, port := range k.sidecars.Spec.Template.Spec.Containers[0].Ports {
		all[port.Name] = port.ContainerPort
	}
	return all
}

func TestOnKubernetesTheIngressReachesTheBeaconPortAlone(t *testing.T) {
	k := applied(t)
	ports := k.ports()
	for _, service := range k.services {
		for _, port := range service.Spec.Ports {
			require.Contains(t, ports, port.TargetPort.String())
		}
	}
	spec := k.network.Spec
	require.ElementsMatch(t, []networking.PolicyType{"Ingress", "Egress"}, spec.PolicyTypes)
	reached := map[string][]string{}
	for _, rule := range spec.Ingress {
		require.NotEmpty(t, rule.From, "a rule says who")
		require.NotEmpty(t, rule.Ports, "and where")
		for _, from := range rule.From {
			who := from.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
			for _, port := range rule.Ports {
				require.Contains(t, ports, port.Port.String())
				reached[who] = append(reached[who], port.Port.String())
			}
		}
	}
	require.Equal(t, map[string][]string{"ingress-nginx": {"beacons"}, "monitoring": {"admin"}}, reached)

	var left []intstr.IntOrString
	for _, rule := range spec.Egress {
		require.NotEmpty(t, rule.To)
		for _, port := range rule.Ports {
			left = append(left, *port.Port)
		}
	}
	store, err := clickHouse(k.maps["sightline-store"].Data["SIGHTLINE_CLICKHOUSE"], "")
	require.NoError(t, err)
	for _, address := range strings.Split(store.Address, ",") {
		_, port, _ := strings.Cut(address, ":")
		require.Contains(t, left, intstr.Parse(port), "the store can be reached")
	}
	require.Contains(t, left, intstr.FromInt32(53), "and its name be looked up")
}
