#!/bin/bash
# Runs once, when the server first starts on an empty volume: the user that Grafana reads with. readonly = 2 lets a
# query set its own limits (time, memory, rows) but change nothing else. The passwords are letters and digits.
set -eu

clickhouse-client --user sightline --password "$(cat /run/secrets/clickhouse_password)" --multiquery <<SQL
CREATE USER IF NOT EXISTS sightline_reader
  IDENTIFIED WITH sha256_password BY '$(cat /run/secrets/reader_password)'
  SETTINGS readonly = 2;
GRANT SELECT, SHOW ON sightline.* TO sightline_reader;
SQL
