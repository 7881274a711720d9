# Every image of ours, built from these sources alone:
#   docker build --target sightline  -t sightline .              the sidecar, for a ClickHouse server
#   docker build --target standalone -t sightline:standalone .   the sidecar with the embedded engine
#   docker build --target grafana    -t sightline-grafana .      Grafana with the plugin
# All of them run as a user who is not root.

FROM node:22.21.1-bookworm-slim AS frontend
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY plugin.json tsconfig.json CHANGELOG.md LICENSE ./
COPY webpack webpack
COPY docs/img docs/img
COPY src src
RUN npm run build && npm run build:demo && npm run build:agent

FROM golang:1.26.8-bookworm AS backend
ARG TARGETARCH
ENV CGO_ENABLED=0
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY pkg pkg
COPY --from=frontend /src/pkg/agent/built pkg/agent/built
RUN go build -trimpath -ldflags "-s -w" -o /out/sightline ./pkg/cmd/sightline \
 && go build -trimpath -tags arrow_json_stdlib -ldflags "-s -w" \
      -o "/out/gpx_sightline_rum_linux_${TARGETARCH:-$(go env GOARCH)}" ./pkg

FROM debian:12.12-slim AS sightline
RUN groupadd --system --gid 10001 sightline \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /data sightline \
 && install -d -o sightline -g sightline -m 0700 /data
COPY --from=backend /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=backend /out/sightline /usr/local/bin/
# The demo shop's script: `sightline shop` looks for it beside the program.
COPY --from=frontend /src/bin/demo /usr/local/bin/demo
USER 10001:10001
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["sightline", "ready"]
ENTRYPOINT ["sightline"]
CMD ["serve", "--data=/data", "--listen=0.0.0.0:8787"]

# The engine's library lies where the program looks for it: in ../lib beside itself.
FROM sightline AS standalone
COPY --from=frontend /src/node_modules/@chdb/lib-linux-*/libchdb.so /usr/local/lib/

# The plugin lies outside of Grafana's data volume, which would hide a newer one.
FROM grafana/grafana:12.3.1 AS grafana
ENV GF_PATHS_PLUGINS=/opt/sightline/plugins \
    GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=sightline-rum-datasource \
    SIGHTLINE_DASHBOARDS=/opt/sightline/plugins/sightline-rum-datasource/dashboards
COPY --from=frontend /src/dist /opt/sightline/plugins/sightline-rum-datasource
COPY --from=backend --chmod=0755 /out/gpx_* /opt/sightline/plugins/sightline-rum-datasource/
USER 472
