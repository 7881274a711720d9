-- Up to when rows of visits are gone, where the table's own TTL does not tell: those of an app that are kept for shorter, and
-- those that went before a table's days were made more. What is counted of such an hour must stay: it cannot be counted anew.
--   source  a table, or empty for all
--   app     an app, or empty for all
--   before  rows before this moment may be gone; the latest counts
CREATE TABLE IF NOT EXISTS {{table "expired_rows"}} {{on_cluster}}
(
    source          LowCardinality(String),
    app             LowCardinality(String),
    before          SimpleAggregateFunction(max, DateTime('UTC'))
)
ENGINE = {{engine "AggregatingMergeTree"}}
ORDER BY (source, app)
SETTINGS {{lookup_settings}};
