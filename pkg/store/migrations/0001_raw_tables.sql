-- Raw tables: one row an item, kept for a short time. All carry the same common columns, in the same order.
-- Times are UTC whatever the server's zone; durations are milliseconds, sizes bytes, weight thousandths of 1/sample rate.

-- One page view or route change, with how long each load phase took (ms).
CREATE TABLE IF NOT EXISTS {{table "views"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL {{days "views"}} DAY
SETTINGS {{raw_settings}};

-- One Web Vital of one view. Reported again under the same metric_id, the last report wins: read it with FINAL.
-- A day at rest is merged into one part, after which FINAL costs next to nothing.
CREATE TABLE IF NOT EXISTS {{table "vitals"}} {{on_cluster}}
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
ENGINE = {{engine "ReplacingMergeTree" "reported_at"}}
PARTITION BY toDate(ts)
ORDER BY (app, metric, toStartOfHour(ts), metric_id)
TTL toDateTime(ts) + INTERVAL {{days "vitals"}} DAY
SETTINGS {{raw_settings}},
         min_age_to_force_merge_seconds = 7200, min_age_to_force_merge_on_partition_only = 1;

-- One fetch, XMLHttpRequest or resource. path is as sent (without query), endpoint its template.
CREATE TABLE IF NOT EXISTS {{table "requests"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, kind, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL {{days "requests"}} DAY
SETTINGS {{raw_settings}};

-- One script's share of the main thread in one view (ms).
CREATE TABLE IF NOT EXISTS {{table "blocking"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL {{days "blocking"}} DAY
SETTINGS {{raw_settings}};

-- One occurrence of an error or browser report. stack and mapped hold one frame a line.
CREATE TABLE IF NOT EXISTS {{table "errors"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, fingerprint, ts)
TTL toDateTime(ts) + INTERVAL {{days "errors"}} DAY
SETTINGS {{raw_settings}};

-- One user action; its own id is action_id.
CREATE TABLE IF NOT EXISTS {{table "actions"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), route, ts)
TTL toDateTime(ts) + INTERVAL {{days "actions"}} DAY
SETTINGS {{raw_settings}};

-- The session's own life, log lines, and an app's custom events.
CREATE TABLE IF NOT EXISTS {{table "events"}} {{on_cluster}}
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
ENGINE = {{engine "MergeTree"}}
PARTITION BY toDate(ts)
ORDER BY (app, toStartOfHour(ts), kind, ts)
TTL toDateTime(ts) + INTERVAL {{days "events"}} DAY
SETTINGS {{raw_settings}};
