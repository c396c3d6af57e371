# The image corpus on a machine with an NVIDIA GPU (driver for CUDA 12 or newer):
#   docker build -f docker/image-corpus.Dockerfile -t image-corpus .
#   docker run --gpus all --shm-size 8g --user $(id -u):$(id -g) -v $PWD/kc:/kc image-corpus --kc /kc --device cuda
FROM python:3.12.12-slim-bookworm

# Faiss' wheels bring their own BLAS but not the OpenMP runtime.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kc_schema kc_schema
COPY pipelines pipelines
COPY training training
# The CUDA build of Faiss takes the place of the one for CPUs: both install the package faiss.
RUN pip install --no-cache-dir --constraint constraints.txt '.[image]' \
 && pip uninstall --yes faiss-cpu \
 && pip install --no-cache-dir --constraint constraints.txt 'faiss-gpu>=1.12'

ENV PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE
RUN useradd --create-home --uid 1000 builder
USER 1000
HEALTHCHECK --interval=5m --timeout=60s --start-period=5m CMD ["python", "-c", "import faiss, torch"]
ENTRYPOINT ["python", "-m", "pipelines.build_image_kc"]
