# The text pipeline: download, build, refresh, search, evidence. No torch.
#   docker build -f docker/text-corpus.Dockerfile -t text-corpus .
#   docker run --user $(id -u):$(id -g) -v $PWD/corpora:/corpora text-corpus \
#     refresh --root /corpora/simplewiki --wiki simplewiki --contact you@example.org
FROM python:3.12.12-slim-bookworm

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kc_schema kc_schema
COPY pipelines pipelines
COPY training training
RUN pip install --no-cache-dir --constraint constraints.txt '.[elasticsearch]'
COPY docker/refresh-daily.sh /usr/local/bin/refresh-daily

ENV PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 builder \
 && mkdir /corpora \
 && chown builder /corpora
USER 1000
VOLUME /corpora
HEALTHCHECK --interval=5m --timeout=20s --start-period=5m CMD ["kc", "--help"]
ENTRYPOINT ["kc"]
CMD ["--help"]
