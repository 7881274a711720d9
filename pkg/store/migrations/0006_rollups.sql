-- Roll-ups: what long questions are answered from. A row is a cell of a long histogram: how many samples one hour has in
-- one bucket (rum.Bucket), and their weight. A bucket never spans two ratings, so ratings are exact sums, and a
-- percentile is a weighted quantile over the buckets (1 % off at the most). They hold nobody's session or user.
--
-- Cells are sums of differences: pkg/rollup reads the raw hour, takes off what is there already, and inserts what is left
-- together with a marker, in one block. A marker is the row of an app and hour whose metric (kind, fingerprint) is empty:
--   samples   sums up to how often the hour was rolled
--   weight    sums up to the rows of hour_inserts that are covered: as many as there are, and the hour is exact
-- Views never feed them: a view cannot take back a sample that was reported again, or erased.

CREATE TABLE IF NOT EXISTS {{table "hist_1h_route_device"}} {{on_cluster}}
(
    app             LowCardinality(String),
    metric          LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    route           LowCardinality(String),
    device          LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, metric, hour, environment, traffic, route, device, bucket)
TTL hour + INTERVAL {{days "hist_1h_route_device"}} DAY
SETTINGS {{lookup_settings}};

CREATE TABLE IF NOT EXISTS {{table "hist_1h_route_release"}} {{on_cluster}}
(
    app             LowCardinality(String),
    metric          LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    route           LowCardinality(String),
    release         LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, metric, hour, environment, traffic, route, release, bucket)
TTL hour + INTERVAL {{days "hist_1h_route_release"}} DAY
SETTINGS {{lookup_settings}};

CREATE TABLE IF NOT EXISTS {{table "hist_1h_route_country"}} {{on_cluster}}
(
    app             LowCardinality(String),
    metric          LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    route           LowCardinality(String),
    country         LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, metric, hour, environment, traffic, route, country, bucket)
TTL hour + INTERVAL {{days "hist_1h_route_country"}} DAY
SETTINGS {{lookup_settings}};

CREATE TABLE IF NOT EXISTS {{table "hist_1h_route_browser"}} {{on_cluster}}
(
    app             LowCardinality(String),
    metric          LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    route           LowCardinality(String),
    browser         LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, metric, hour, environment, traffic, route, browser, bucket)
TTL hour + INTERVAL {{days "hist_1h_route_browser"}} DAY
SETTINGS {{lookup_settings}};

-- Durations of requests, by endpoint. failed is the weight of those that failed; of the server_samples that told their
-- server's time, server_time and server_duration are weight times microseconds.
CREATE TABLE IF NOT EXISTS {{table "hist_1h_endpoint_route"}} {{on_cluster}}
(
    app             LowCardinality(String),
    kind            LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    host            LowCardinality(String),
    method          LowCardinality(String),
    endpoint        LowCardinality(String),
    route           LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1)),
    failed          Int64 CODEC(ZSTD(1)),
    server_samples  Int64 CODEC(ZSTD(1)),
    server_time     Int64 CODEC(ZSTD(1)),
    server_duration Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight, failed, server_samples, server_time, server_duration)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, kind, hour, environment, traffic, host, method, endpoint, route, bucket)
TTL hour + INTERVAL {{days "hist_1h_endpoint_route"}} DAY
SETTINGS {{lookup_settings}};

-- The same by release.
CREATE TABLE IF NOT EXISTS {{table "hist_1h_endpoint_release"}} {{on_cluster}}
(
    app             LowCardinality(String),
    kind            LowCardinality(String),
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    host            LowCardinality(String),
    method          LowCardinality(String),
    endpoint        LowCardinality(String),
    release         LowCardinality(String),
    bucket          Int16 CODEC(Delta, ZSTD(1)),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1)),
    failed          Int64 CODEC(ZSTD(1)),
    server_samples  Int64 CODEC(ZSTD(1)),
    server_time     Int64 CODEC(ZSTD(1)),
    server_duration Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight, failed, server_samples, server_time, server_duration)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (app, kind, hour, environment, traffic, host, method, endpoint, release, bucket)
TTL hour + INTERVAL {{days "hist_1h_endpoint_release"}} DAY
SETTINGS {{lookup_settings}};

-- Occurrences of errors by minute: counts only, as how many sessions were affected cannot be told from counts.
CREATE TABLE IF NOT EXISTS {{table "errors_1m"}} {{on_cluster}}
(
    app             LowCardinality(String),
    fingerprint     String CODEC(ZSTD(1)),
    minute          DateTime('UTC') CODEC(Delta, ZSTD(1)),
    environment     LowCardinality(String),
    traffic         LowCardinality(String),
    release         LowCardinality(String),
    samples         Int64 CODEC(ZSTD(1)),
    weight          Int64 CODEC(ZSTD(1))
)
ENGINE = {{engine "SummingMergeTree" "(samples, weight)"}}
PARTITION BY toYYYYMM(minute)
ORDER BY (app, fingerprint, minute, environment, traffic, release)
TTL minute + INTERVAL {{days "errors_1m"}} DAY
SETTINGS {{lookup_settings}};
