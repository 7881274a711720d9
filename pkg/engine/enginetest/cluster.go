package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// Cluster makes one engine stand for a cluster. Distributed tables in Database read every shard, and merge what the shards
// made of their own rows, as on a cluster of servers; but all shards are this engine, and what makes a row a shard's is a
// condition that holds for it where shardNum() is the shard's number, counted from 1. The library speaks no native
// protocol, so two of it cannot ask each other.
//
// Replicated tables can be created in it, as it has a keeper in memory; nothing can be written to them.
type Cluster struct {
	Name     string
	Shards   int
	Database string
	Rows     map[string]string // the condition, by the table of Database that the shards read
	Further  []string          // databases that the reader may read, too
}

var clusterConfig, clusterUsers = template.Must(template.New("config").Parse(`<clickhouse>
    <tcp_port>9000</tcp_port>
    <macros><shard>1</shard><replica>one</replica></macros>
    <zookeeper><implementation>testkeeper</implementation></zookeeper>
    <remote_servers><{{.Name}}>
        {{range .Each}}<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
        {{end}}
    </{{.Name}}></remote_servers>
</clickhouse>
`)), template.Must(template.New("users").Parse(`<clickhouse>
    <users><default>
        <databases><{{.Database}}>
            {{range $table, $condition := .Rows}}<{{$table}}><filter>{{$condition}}</filter></{{$table}}>
            {{end}}
        </{{.Database}}></databases>
    </default></users>
    <roles>
        <writer><grants><query of="cluster">GRANT READ, WRITE ON REMOTE</query></grants></writer>
        <reader><grants>
            <query of="cluster">GRANT READ ON REMOTE</query>
            <query of="{{.Database}}">GRANT SELECT, SHOW ON {{.Database}}.*</query>
            {{range .Further}}<query of="{{.}}">GRANT SELECT, SHOW ON {{.}}.*</query>
            {{end}}
        </grants></reader>
    </roles>
</clickhouse>
`))

// SuperviseCluster is Supervise with an engine that stands for a cluster, too.
func SuperviseCluster(t testing.TB, data string, cluster Cluster) *engine.Supervisor {
	t.Helper()
	program, err := cluster.of(Child(t, data))
	if err != nil {
		t.Fatalf("start engine: %v", err)
	}
	return supervise(t, program)
}

// of makes an engine stand for the cluster.
func (c Cluster) of(program engine.Child) (engine.Child, error) {
	program.Environment = append(program.Environment, distributedEnvironment+"=1")
	return program, c.prepare(program.Data)
}

// prepare writes beside the engine's own configuration what ClickHouse adds to it.
func (c Cluster) prepare(data string) error {
	values := struct {
		Cluster
		Each []struct{}
	}{c, make([]struct{}, c.Shards)}
	for folder, text := range map[string]*template.Template{"config.d": clusterConfig, "users.d": clusterUsers} {
		var rendered strings.Builder
		if err := text.Execute(&rendered, values); err != nil {
			return err
		}
		into := filepath.Join(data, "engine", "config", folder)
		if err := os.MkdirAll(into, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, "cluster.xml"), []byte(rendered.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}
