#!/bin/sh
# Runs once, when the server first starts on an empty volume: the user that Grafana reads with. readonly = 2 lets a
# query set its own limits (time, memory, rows) but change nothing else.
set -eu

clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE USER IF NOT EXISTS sightline_reader
  IDENTIFIED WITH sha256_password BY '$SIGHTLINE_READER_PASSWORD'
  SETTINGS readonly = 2;
GRANT SELECT, SHOW ON sightline.* TO sightline_reader;
SQL
