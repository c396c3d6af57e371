# A Flink task manager with the project beside it, whose Python workers run the pipelines (docs/cluster.md):
#   docker build -f docker/beam-worker.Dockerfile -t beam-worker .
# The Python of the driver must be the same: Debian 12 has 3.11. One slot a container, one container a core.
FROM maven:3.9.9-eclipse-temurin-17 AS jars

WORKDIR /jars
COPY docker/flink/pom.xml docker/flink/ThinJobServer.java ./
RUN mvn -q -B -ntp dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars/lib \
 && javac -cp '/jars/lib/*' -d /jars ThinJobServer.java

FROM python:3.11.14-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kc_schema kc_schema
COPY pipelines pipelines
COPY training training
RUN pip install --no-cache-dir --constraint constraints.txt '.[elasticsearch,image]'

COPY --from=jars /jars/lib /opt/flink/lib
COPY --from=jars /jars/ThinJobServer.class /opt/flink/
COPY docker/flink/flink-conf.yaml /opt/flink/conf/flink-conf.yaml
COPY docker/flink/start.sh /usr/local/bin/flink-start

ENV PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
RUN useradd --create-home --uid 1000 worker \
 && mkdir /shared /opt/flink/tmp \
 && chown worker /shared /opt/flink/tmp
USER 1000
VOLUME /shared
HEALTHCHECK --interval=1m --timeout=10s --start-period=1m CMD ["kc", "--help"]
ENTRYPOINT ["flink-start"]
CMD ["task-manager"]
