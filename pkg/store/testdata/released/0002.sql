CREATE TABLE IF NOT EXISTS schema_versions 
(
    version    UInt32,
    name       String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree()
ORDER BY version;

-- Raw tables: one row an item, kept for a short time. All carry the same common columns, in the same order.
-- Times are UTC whatever the server's zone; durations are milliseconds, sizes bytes, weight thousandths of 1/sample rate.

-- One page view or route change, with how long each load phase took (ms).
CREATE TABLE IF NOT EXISTS views 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    path            String CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    duration        Float32,
    redirect        Float32,
    dns             Float32,
    tcp             Float32,
    tls             Float32,
    request         Float32,
    response        Float32,
    dom             Float32,
    dom_content_loaded Float32,
    load            Float32,
    ttfb            Float32,
    server          Float32,
    transfer_size   UInt32,
    previous_view_id String CODEC(ZSTD(1)),
    language        LowCardinality(String),
    viewport        LowCardinality(String),

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

-- One Web Vital of one view. Reported again under the same metric_id, the last report wins: read it with FINAL.
-- A day at rest is merged into one part, after which FINAL costs next to nothing.
CREATE TABLE IF NOT EXISTS vitals 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric          LowCardinality(String),
    metric_id       String CODEC(ZSTD(1)),
    reported_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value           Float64 CODEC(ZSTD(1)),
    bucket          Int16 CODEC(ZSTD(1)),
    rating          LowCardinality(String),
    target          String CODEC(ZSTD(1)),
    target_url      String CODEC(ZSTD(1)),
    interaction_type LowCardinality(String),
    load_state      LowCardinality(String),
    script_url      String CODEC(ZSTD(1)),
    script_invoker  String CODEC(ZSTD(1)),
    script_function String CODEC(ZSTD(1)),
    parts           Map(LowCardinality(String), Float32) CODEC(ZSTD(1)),

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(reported_at)
PARTITION BY toDate(ts)
ORDER BY (app, metric, toStartOfHour(ts), metric_id)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1,
         min_age_to_force_merge_seconds = 7200, min_age_to_force_merge_on_partition_only = 1;

-- One fetch, XMLHttpRequest or resource. path is as sent (without query), endpoint its template.
CREATE TABLE IF NOT EXISTS requests 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    method          LowCardinality(String),
    host            LowCardinality(String),
    path            String CODEC(ZSTD(1)),
    endpoint        LowCardinality(String),
    party           LowCardinality(String),
    status          UInt16,
    failure         LowCardinality(String),
    duration        Float32,
    bucket          Int16 CODEC(ZSTD(1)),
    dns             Float32,
    tcp             Float32,
    tls             Float32,
    wait            Float32,
    response        Float32,
    server          Float32,
    transfer_size   UInt32,
    encoded_size    UInt32,
    decoded_size    UInt32,
    cache           LowCardinality(String),
    render_blocking UInt8,
    protocol        LowCardinality(String),

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, kind, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

-- One script's share of the main thread in one view (ms).
CREATE TABLE IF NOT EXISTS blocking 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    script_url      String CODEC(ZSTD(1)),
    host            LowCardinality(String),
    party           LowCardinality(String),
    invoker         String CODEC(ZSTD(1)),
    blocking        Float32,
    duration        Float32,
    frames          UInt16,

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

-- One occurrence of an error or browser report. stack and mapped hold one frame a line.
CREATE TABLE IF NOT EXISTS errors 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    error_type      LowCardinality(String),
    message         String CODEC(ZSTD(1)),
    fingerprint     String CODEC(ZSTD(1)),
    fingerprint_version UInt8,
    handled         UInt8,
    stack           String CODEC(ZSTD(1)),
    mapped          String CODEC(ZSTD(1)),

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, fingerprint, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

-- One user action; its own id is action_id.
CREATE TABLE IF NOT EXISTS actions 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    name            String CODEC(ZSTD(1)),
    target          String CODEC(ZSTD(1)),
    duration        Float32,

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

-- The session's own life, log lines, and an app's custom events.
CREATE TABLE IF NOT EXISTS events 
(
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    navigation_type LowCardinality(String),
    traffic         LowCardinality(String),
    consent         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1)),
    sdk             LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    name            String CODEC(ZSTD(1)),
    level           LowCardinality(String),
    message         String CODEC(ZSTD(1)),

    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), kind, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

INSERT INTO schema_versions (version, name, applied_at) SELECT 1, '0001_raw_tables', now64(3);

-- Lookup tables. session_events is written along with the raw tables; the rest is filled by materialized views of it,
-- of errors and of views. All but error_groups, releases and hour_inserts hold session ids and go when the raw rows go.
--
-- The materialized views qualify every column with src: a bare name would mean the alias of the same name.

-- Everything that happened in a session, in order. One short row an item, read a session at a time.
--   name    what it was: path, metric, "GET host/path", script, error type, action, event
--   value   ms (a vital: its own unit)
--   state   how it went: rating, status or failure, kind
--   detail  target, message
CREATE TABLE IF NOT EXISTS session_events 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    reported_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    kind            LowCardinality(String),
    name            String CODEC(ZSTD(1)),
    value           Float64 CODEC(ZSTD(1)),
    state           LowCardinality(String),
    detail          String CODEC(ZSTD(1)),
    metric_id       String CODEC(ZSTD(1)),
    fingerprint     String CODEC(ZSTD(1)),
    frustrated      UInt8,
    failed          UInt8,
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    user_key        String CODEC(ZSTD(1)),
    release         LowCardinality(String),
    route           LowCardinality(String),
    journey         LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    device          LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    connection      LowCardinality(String),
    traffic         LowCardinality(String),
    weight          UInt32 CODEC(ZSTD(1))
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (app, session_id, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1, index_granularity = 1024;

-- One session a row (and day): what it did and where it came from. Grouped by session_id when read.
CREATE TABLE IF NOT EXISTS sessions 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    day             Date,
    session_id      String CODEC(ZSTD(1)),
    start           SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    end             SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    items           SimpleAggregateFunction(sum, UInt64),
    views           SimpleAggregateFunction(sum, UInt64),
    errors          SimpleAggregateFunction(sum, UInt64),
    actions         SimpleAggregateFunction(sum, UInt64),
    frustrations    SimpleAggregateFunction(sum, UInt64),
    failed_requests SimpleAggregateFunction(sum, UInt64),
    worst_lcp       SimpleAggregateFunction(max, Float64),
    worst_inp       SimpleAggregateFunction(max, Float64),
    worst_cls       SimpleAggregateFunction(max, Float64),
    first_route     AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
    routes          SimpleAggregateFunction(groupUniqArrayArray(50), Array(String)),
    release         SimpleAggregateFunction(max, String),
    browser         SimpleAggregateFunction(max, String),
    browser_version SimpleAggregateFunction(max, String),
    os              SimpleAggregateFunction(max, String),
    device          SimpleAggregateFunction(max, String),
    country         SimpleAggregateFunction(max, String),
    region          SimpleAggregateFunction(max, String),
    connection      SimpleAggregateFunction(max, String),
    traffic         SimpleAggregateFunction(max, String),
    user_key        SimpleAggregateFunction(max, String),
    trace_id        SimpleAggregateFunction(max, String),
    weight          SimpleAggregateFunction(max, UInt32)
)
ENGINE = AggregatingMergeTree()
PARTITION BY day
ORDER BY (app, environment, day, session_id)
TTL day + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_events_to_sessions  TO sessions AS
SELECT src.app AS app, src.environment AS environment, toDate(src.ts) AS day, src.session_id AS session_id,
       min(src.ts) AS start, max(src.ts) AS end, count() AS items,
       countIf(src.kind = 'view') AS views, countIf(src.kind = 'error') AS errors, countIf(src.kind = 'action') AS actions,
       countIf(src.frustrated > 0) AS frustrations, countIf(src.failed > 0) AS failed_requests,
       maxIf(src.value, src.kind = 'vital' AND src.name = 'lcp') AS worst_lcp,
       maxIf(src.value, src.kind = 'vital' AND src.name = 'inp') AS worst_inp,
       maxIf(src.value, src.kind = 'vital' AND src.name = 'cls') AS worst_cls,
       argMinState(toString(src.route), src.ts) AS first_route, groupUniqArray(50)(toString(src.route)) AS routes,
       max(toString(src.release)) AS release, any(toString(src.browser)) AS browser,
       any(toString(src.browser_version)) AS browser_version, any(toString(src.os)) AS os,
       any(toString(src.device)) AS device, any(toString(src.country)) AS country, any(toString(src.region)) AS region,
       max(toString(src.connection)) AS connection, any(toString(src.traffic)) AS traffic,
       max(src.user_key) AS user_key, max(src.trace_id) AS trace_id, max(src.weight) AS weight
FROM session_events AS src
WHERE src.session_id != ''
GROUP BY app, environment, day, session_id;

-- Trace to session: a trace id is looked up by its own order, not by an index on the raw tables.
CREATE TABLE IF NOT EXISTS trace_sessions 
(
    trace_id        String CODEC(ZSTD(1)),
    ts              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    app             LowCardinality(String),
    environment     LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    view_id         String CODEC(ZSTD(1)),
    action_id       String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    trace_sampled   UInt8,
    request_id      String CODEC(ZSTD(1)),
    kind            LowCardinality(String),
    name            String CODEC(ZSTD(1)),
    value           Float64 CODEC(ZSTD(1)),
    route           LowCardinality(String)
)
ENGINE = MergeTree()
PARTITION BY toDate(ts)
ORDER BY (trace_id, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100000, ttl_only_drop_parts = 1, index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_events_to_trace_sessions  TO trace_sessions AS
SELECT src.trace_id, src.ts, src.app, src.environment, src.session_id, src.view_id, src.action_id, src.span_id,
       src.trace_sampled, src.request_id, src.kind, src.name, src.value, src.route
FROM session_events AS src
WHERE src.trace_id != '';

-- Rows inserted per app and hour of the event: a roll-up that has covered fewer is behind.
CREATE TABLE IF NOT EXISTS hour_inserts 
(
    app             LowCardinality(String),
    hour            DateTime('UTC'),
    rows            UInt64
)
ENGINE = SummingMergeTree()
PARTITION BY toYYYYMM(hour)
ORDER BY (app, hour)
TTL hour + INTERVAL 396 DAY
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_events_to_hour_inserts  TO hour_inserts AS
SELECT src.app AS app, toStartOfHour(toDateTime(src.ts, 'UTC')) AS hour, count() AS rows
FROM session_events AS src
GROUP BY app, hour;

-- One error group a row: when it was first and last seen, in which release first, how often.
CREATE TABLE IF NOT EXISTS error_groups 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    fingerprint     String CODEC(ZSTD(1)),
    first_seen      SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen       SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    first_release   AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
    count           SimpleAggregateFunction(sum, UInt64),
    weight          SimpleAggregateFunction(sum, UInt64),
    kind            SimpleAggregateFunction(max, String),
    error_type      SimpleAggregateFunction(max, String),
    message         SimpleAggregateFunction(max, String)
)
ENGINE = AggregatingMergeTree()
ORDER BY (app, environment, fingerprint)
TTL toDateTime(last_seen) + INTERVAL 396 DAY
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS errors_to_error_groups  TO error_groups AS
SELECT src.app AS app, src.environment AS environment, src.fingerprint AS fingerprint,
       min(src.ts) AS first_seen, max(src.ts) AS last_seen,
       argMinState(toString(src.release), src.ts) AS first_release, count() AS count, sum(src.weight) AS weight,
       max(toString(src.kind)) AS kind, max(toString(src.error_type)) AS error_type, max(src.message) AS message
FROM errors AS src
GROUP BY app, environment, fingerprint;

-- Releases as the traffic shows them; deploys holds the markers that people and pipelines set.
CREATE TABLE IF NOT EXISTS releases 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    release         String,
    first_seen      SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen       SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    views           SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree()
ORDER BY (app, environment, release)
TTL toDateTime(last_seen) + INTERVAL 396 DAY
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS views_to_releases  TO releases AS
SELECT src.app AS app, src.environment AS environment, toString(src.release) AS release,
       min(src.ts) AS first_seen, max(src.ts) AS last_seen, count() AS views
FROM views AS src
WHERE src.release != '' AND src.traffic = 'real'
GROUP BY app, environment, release;

-- Markers of deploys, set by people and pipelines. Setting the same one again replaces it.
CREATE TABLE IF NOT EXISTS deploys 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    ts              DateTime64(3, 'UTC'),
    release         String,
    title           String,
    url             String,
    received_at     DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(received_at)
ORDER BY (app, environment, ts, release)
TTL toDateTime(ts) + INTERVAL 396 DAY
SETTINGS non_replicated_deduplication_window = 100000;

-- The steps of each journey, as the sidecar's config has them. The highest version of an app's journey is the one in force.
CREATE TABLE IF NOT EXISTS journeys 
(
    app             LowCardinality(String),
    journey         LowCardinality(String),
    step            UInt8,
    name            String,
    kind            LowCardinality(String),
    pattern         String,
    version         UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (app, journey, version, step)
SETTINGS non_replicated_deduplication_window = 100000;

-- The pipeline's own counters, summed per minute.
CREATE TABLE IF NOT EXISTS telemetry_1m 
(
    app             LowCardinality(String),
    environment     LowCardinality(String),
    minute          DateTime('UTC') CODEC(Delta, ZSTD(1)),
    counter         LowCardinality(String),
    reason          LowCardinality(String),
    value           Int64
)
ENGINE = SummingMergeTree()
PARTITION BY toYYYYMM(minute)
ORDER BY (app, environment, counter, reason, minute)
TTL minute + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 100000;

INSERT INTO schema_versions (version, name, applied_at) SELECT 2, '0002_lookup_tables', now64(3);

