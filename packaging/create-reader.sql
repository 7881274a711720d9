-- The user that Grafana reads with, on a ClickHouse server. readonly = 2 lets a query set its own limits (time, memory,
-- rows) but change nothing else.
CREATE USER IF NOT EXISTS sightline_reader IDENTIFIED WITH sha256_password BY 'replace this' SETTINGS readonly = 2;
GRANT SELECT, SHOW ON sightline.* TO sightline_reader;
