-- What was erased, at whose request: one row an erasure, the highest version of which is its state. Of whom is not in
-- it: tombstones are hashes, with which every sidecar of the store recognises beacons that come late.
--   state   running or verified
--   rows    rows that were erased, by table
CREATE TABLE IF NOT EXISTS {{table "erasures"}} {{on_cluster}}
(
    id              String,
    app             LowCardinality(String),
    kind            LowCardinality(String),
    requested_at    DateTime64(3, 'UTC'),
    requested_by    String,
    state           LowCardinality(String),
    tombstones      Array(String),
    rows            Map(LowCardinality(String), UInt64),
    verified_at     DateTime64(3, 'UTC'),
    version         UInt64
)
ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY id
TTL toDateTime(requested_at) + INTERVAL {{days "erasures"}} DAY
SETTINGS {{lookup_settings}};
