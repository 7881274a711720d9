package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/doctor"
)

// examine runs `sightline doctor` and returns what it found, and its exit code.
func examine(t *testing.T, flags ...string) (doctor.Report, int) {
	t.Helper()
	command := exec.Command(sightline, append([]string{"doctor", "--output", "json"}, flags...)...)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err := command.Run()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	var report doctor.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), "%s%s", out.String(), said.String())
	for _, f := range report.Findings {
		require.Equal(t, f.Level != doctor.OK, f.Do != "",
			"what is wrong comes with how to mend it, and nothing else does: %+v", f)
	}
	require.Equal(t, report.Count(doctor.Problem) > 0, code == 1)
	return report, code
}

// found is what a report says about one thing at one level.
func found(r doctor.Report, level doctor.Level, about string) (all string) {
	for _, f := range r.Findings {
		if f.Level == level && f.About == about {
			all += f.What + " (" + f.Where + ")\n"
		}
	}
	return all
}

func TestDoctorFindsNothingWrongWithASidecarThatRuns(t *testing.T) {
	s := startSidecar(t)
	require.NoError(t, os.Chmod(s.data, 0o700))
	report, code := examine(t, "--data", s.data, "--listen", s.listen)
	require.Zero(t, code, "%+v", report)
	require.Contains(t, found(report, doctor.OK, "store"), "its tables are this version's")
	require.Contains(t, found(report, doctor.OK, "clock"), "agrees with this machine's")
	require.Contains(t, found(report, doctor.OK, "spool"), "in use by a sidecar")
	require.Contains(t, found(report, doctor.OK, "sidecar"), "ready")

	outside, code := examine(t, "--from-url", s.url(""), "--data", s.data, "--store")
	require.Zero(t, code, "%+v", outside)
	require.Contains(t, found(outside, doctor.OK, "store"), "marked as synthetic")
	require.Contains(t, found(outside, doctor.Warning, "cors"), "any other site", "the open key is for everybody")
}

func TestDoctorSaysWhatIsWrongInside(t *testing.T) {
	s := startSidecar(t)
	closed := freeAddress(t)
	config := configured(t, fmt.Sprintf("admin_token_sha256: %s\napps:\n  shop:\n    keys:\n"+
		"      - {sha256: %[2]s, origins: ['*']}\n      - {sha256: %[2]s, origins: ['https://shop.example'], rate: 1}\n",
		sha256Of("test-token"), sha256Of("key")))
	letters := filepath.Join(s.data, "dead-letters")
	require.NoError(t, os.MkdirAll(letters, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(letters, "a.json"), []byte(`{"reason":"too many partitions"}`), 0o600))
	require.NoError(t, os.Chmod(filepath.Join(s.data, "user.key"), 0o644))
	require.NoError(t, os.Chmod(s.data, 0o755))

	report, code := examine(t, "--data", s.data, "--listen", closed, "--config", config, "--clickhouse",
		"clickhouse://"+closed+"/x")
	require.Equal(t, 1, code)
	keys := found(report, doctor.Problem, "keys")
	require.Contains(t, keys, `the admin token is "test-token"`)
	require.Contains(t, keys, "the same key as apps.shop.keys[0]")
	warned := found(report, doctor.Warning, "keys")
	require.Contains(t, warned, "any site may send")
	require.Contains(t, warned, "no rate limit")
	require.Contains(t, found(report, doctor.Problem, "data"), "may read the secret")
	require.Contains(t, found(report, doctor.Warning, "data"), "may look into it")
	require.Contains(t, found(report, doctor.Warning, "spool"), "too many partitions")
	require.Contains(t, found(report, doctor.Warning, "sidecar"), "no sidecar answers here")
	require.Contains(t, found(report, doctor.Problem, "store"), "connection refused")

	for name, c := range map[string]struct{ text, want string }{
		"a misspelt key": {"limits: {body_bites: 1}", `did you mean "body_bytes"?`},
		"no space left":  {"limits: {reserve_bytes: 4611686018427387904}", ""},
	} {
		report, code := examine(t, "--data", s.data, "--listen", s.listen, "--config", configured(t, c.text))
		require.Equal(t, 1, code, name)
		if c.want != "" {
			require.Contains(t, found(report, doctor.Problem, "config"), c.want, name)
		} else {
			require.Contains(t, found(report, doctor.Problem, "disk"), "are kept free", name)
		}
	}
	missing, code := examine(t, "--data", filepath.Join(s.data, "none"), "--listen", closed)
	require.Equal(t, 1, code)
	require.Contains(t, found(missing, doctor.Problem, "data"), "no such folder")
}

// The address, the certificate and the proxy are those of a real installation.
func TestDoctorChecksAnInstallationFromOutside(t *testing.T) {
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.config = configured(t, fmt.Sprintf(keyedConfig, sha256Of("k1"), sha256Of("t0ken")))
	s.start()
	s.waitReady()
	p := startProxy(t, s.listen)
	url := "https://" + p.address + "/rum/collect/k1"
	trusting := []string{"--ca-file", p.ca, "--origin", "https://" + siteHost, "--data", s.data, "--store"}

	report, code := examine(t, append(trusting, "--from-url", url)...)
	require.Zero(t, code, "%+v", report)
	require.Contains(t, found(report, doctor.OK, "tls"), "TLS 1.3")
	require.Contains(t, found(report, doctor.OK, "cors"), "may send")
	require.Contains(t, found(report, doctor.OK, "store"), "marked as synthetic")
	require.Zero(t, report.Count(doctor.Warning), "%+v", report)
	require.EqualValues(t, 1, s.number("SELECT count() FROM events"), "one beacon, and no other")
	require.EqualValues(t, 1, s.number("SELECT count() FROM events WHERE traffic = 'synthetic' AND app = 'shop'"))

	for _, c := range []struct {
		name, about, want string
		flags             []string
	}{
		{"a wrong key", "beacon", "401", append(trusting, "--from-url", "https://"+p.address+"/rum/collect/k2")},
		{"another site's page", "cors", "may not send with this key", []string{"--ca-file", p.ca, "--origin",
			"https://evil.example", "--from-url", url}},
		{"a wrong path", "path", "nothing here (404)", append(trusting, "--from-url",
			"https://"+p.address+"/rom/collect/k1")},
		{"an authority nobody knows", "tls", "certificate", []string{"--from-url", url}},
		{"nobody there", "tls", "connection refused", []string{"--from-url",
			"https://" + freeAddress(t) + "/rum/collect/k1"}},
		{"TLS where there is none", "tls", "HTTP response to HTTPS client", []string{"--from-url",
			"https://" + s.listen + "/collect/k1"}},
		{"no address", "path", "not an address", []string{"--from-url", "shop.example"}},
	} {
		report, code := examine(t, c.flags...)
		require.Equal(t, 1, code, c.name)
		require.Contains(t, found(report, doctor.Problem, c.about), c.want, c.name)
	}
	s.kill()
	report, code = examine(t, append(trusting[:4:4], "--from-url", url)...)
	require.Equal(t, 1, code)
	require.Contains(t, found(report, doctor.Problem, "path"), "the sidecar behind it does not")
	s.start()
	s.waitReady()
}
