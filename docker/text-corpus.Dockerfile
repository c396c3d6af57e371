# The text pipeline: download, build, refresh, search, evidence. No torch.
#   docker build -f docker/text-corpus.Dockerfile -t text-corpus .
#   docker run --user $(id -u):$(id -g) -v $PWD/corpora:/corpora text-corpus \
#     refresh --root /corpora/simplewiki --wiki simplewiki --contact you@example.org

# A scheduler made for containers: it runs as any user, passes the environment on, and never begins a job twice.
FROM golang:1.25.5-bookworm AS scheduler
RUN CGO_ENABLED=0 go install github.com/aptible/supercronic@v0.2.39

FROM python:3.12.12-slim-bookworm

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kc_schema kc_schema
COPY pipelines pipelines
COPY training training
RUN pip install --no-cache-dir --constraint constraints.txt '.[elasticsearch]'
COPY --from=scheduler /go/bin/supercronic /usr/local/bin/supercronic
COPY --chmod=755 docker/refresh-on-schedule.sh /usr/local/bin/refresh-on-schedule

ENV PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 builder \
 && mkdir /corpora \
 && chown builder /corpora
USER 1000
VOLUME /corpora
HEALTHCHECK --interval=5m --timeout=20s --start-period=5m CMD ["kc", "--help"]
ENTRYPOINT ["kc"]
CMD ["--help"]
