# The sidecar in a container. Its build context is bin/, where the build puts the program.
FROM debian:12.12-slim
RUN useradd --system --home-dir /data --create-home sightline
COPY --chmod=0755 sightline /usr/local/bin/sightline
USER sightline
VOLUME /data
EXPOSE 8787
ENTRYPOINT ["sightline"]
