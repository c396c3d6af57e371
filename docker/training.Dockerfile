# Training on a machine with an NVIDIA GPU (driver for CUDA 12 or newer); on others it takes the processor.
#   docker build -f docker/training.Dockerfile -t training .
#   docker run --gpus all --shm-size 8g --user $(id -u):$(id -g) -v $PWD:/work -w /work training --config run.yaml
FROM python:3.12.12-slim-bookworm

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kc_schema kc_schema
COPY pipelines pipelines
COPY training training
RUN pip install --no-cache-dir --constraint constraints.txt '.[training]'

ENV PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 trainer
USER 1000
HEALTHCHECK --interval=5m --timeout=60s --start-period=5m CMD ["python", "-c", "import torch"]
ENTRYPOINT ["python", "-m", "training.run"]
