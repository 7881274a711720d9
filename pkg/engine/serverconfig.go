package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/google/renameio/v2"
)

// serverConfig is the engine's own configuration. The library's defaults are made for short-lived analysis: unsafe on
// power loss, and with caches that may take most of a small machine's memory.
var serverConfig = template.Must(template.New("config").Parse(`<clickhouse>
    <users_config>{{.Users}}</users_config>
    <logger><level>none</level></logger>

    <!-- Memory: a hard limit for everything, and caches far below their defaults of several GiB each. -->
    <max_server_memory_usage>{{.MemoryBytes}}</max_server_memory_usage>
    <mark_cache_size>{{.CacheBytes}}</mark_cache_size>
    <primary_index_cache_size>{{.CacheBytes}}</primary_index_cache_size>
    <index_mark_cache_size>{{.CacheBytes}}</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <query_condition_cache_size>16777216</query_condition_cache_size>
    <compiled_expression_cache_size>33554432</compiled_expression_cache_size>
    <mmap_cache_size>100</mmap_cache_size>
    <background_pool_size>{{.BackgroundThreads}}</background_pool_size>
    <background_schedule_pool_size>{{.BackgroundThreads}}</background_schedule_pool_size>

    <!-- Durability: an acknowledged insert survives a power cut, and parts that a merge replaced are kept until the
         merged part is surely on disk. A full disk refuses inserts early, while there is still room to drop data. -->
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
        <old_parts_lifetime>480</old_parts_lifetime>
        <min_free_disk_bytes_to_perform_insert>{{.ReserveBytes}}</min_free_disk_bytes_to_perform_insert>
    </merge_tree>
    <storage_configuration>
        <disks><default><keep_free_space_bytes>{{.KeepFreeBytes}}</keep_free_space_bytes></default></disks>
    </storage_configuration>
</clickhouse>
`))

// userConfig grants each role exactly what it needs. The library signs every connection in as "default"; what that
// user may do is what the role set on the connection grants. No role is granted a source outside the store (files,
// URLs, other databases), an engine that reaches one, dictionaries, functions, backups or system commands.
var userConfig = template.Must(template.New("users").Parse(`<clickhouse>
    <profiles><default>
        <!-- Every insert notes its token, views' included: an insert without a note is one that was not finished. -->
        <async_insert>0</async_insert>
        <insert_deduplicate>1</insert_deduplicate>
        <deduplicate_blocks_in_dependent_materialized_views>1</deduplicate_blocks_in_dependent_materialized_views>
        <allow_introspection_functions>0</allow_introspection_functions>
        <implicit_select>0</implicit_select>
    </default></profiles>
    <quotas><default/></quotas>
    <roles>
        <{{.Writer}}><grants>
            <query>GRANT SELECT, INSERT, SHOW, ALTER, DROP, TRUNCATE, OPTIMIZE ON *.*</query>
            <query>GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW ON *.*</query>
        </grants></{{.Writer}}>
        <{{.Reader}}><grants>
            <query>GRANT SELECT, SHOW ON {{.Database}}.*</query>
        </grants></{{.Reader}}>
        <{{.Keeper}}><grants>
            <query>GRANT KILL QUERY ON *.*</query>
        </grants></{{.Keeper}}>
    </roles>
    <users><default>
        <password></password>
        <profile>default</profile>
        <quota>default</quota>
        <networks><ip>::/0</ip></networks>
        <grants><query>GRANT {{.Writer}}, {{.Reader}}, {{.Keeper}}</query></grants>
    </default></users>
</clickhouse>
`))

func configPath(data string) string { return filepath.Join(configFolder(data), "config.xml") }

// writeServerConfig writes the configuration files.
func writeServerConfig(config Config) error {
	folder := configFolder(config.Data)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	main, users := configPath(config.Data), filepath.Join(folder, "users.xml")
	var text bytes.Buffer
	err := userConfig.Execute(&text, map[string]any{
		"Writer": roleWriter, "Reader": roleReader, "Keeper": roleKeeper,
		"Database": Database,
	})
	if err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	if err := renameio.WriteFile(users, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	text.Reset()
	err = serverConfig.Execute(&text, map[string]any{
		"Users":             users,
		"MemoryBytes":       config.MemoryBytes,
		"CacheBytes":        config.CacheBytes,
		"BackgroundThreads": 4,
		"ReserveBytes":      config.ReserveBytes,
		"KeepFreeBytes":     config.ReserveBytes / 2,
	})
	if err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	if err := renameio.WriteFile(main, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	return nil
}
