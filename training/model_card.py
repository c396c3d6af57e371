"""The model card of a saved mixture."""

from __future__ import annotations

from collections.abc import Sequence

from kc_schema.retrieval_cache import RetrievalCache
from training.config import MixtureConfig, RunConfig
from training.task import Task

__all__ = ["model_card"]


def model_card(
    config: RunConfig,
    cache: RetrievalCache,
    task: Task,
    name: str,
    mixture: MixtureConfig,
    seeds: Sequence[int],
    dev_f1: float,
) -> str:
    """Gives the card as Markdown: what the model is, what it was made from, how to use it."""
    members = ", ".join(
        f"{expert} (seed {seed}, evidence: {config.experts[expert].source or 'none'})"
        for expert, seed in zip(mixture.experts, seeds, strict=True)
    )
    weights = "the plain average of the experts" if mixture.kind == "average" else _gate(mixture)
    corpora = ", ".join(f"{kind} {snapshot}" for kind, snapshot in cache.manifest["snapshots"].items())
    what = "named entities" if task.name == "ner" else "the relation between two marked entities"
    return f"""---
library_name: transformers
pipeline_tag: {"token-classification" if task.name == "ner" else "text-classification"}
base_model: {config.encoder.short_name}
---

# Mixture `{name}` for {cache.dataset}

Finds {what} with retrieved evidence, by a mixture of experts after Wang et al. 2022, "Named Entity and
Relation Extraction with Multi-Modal Retrieval".

- Experts: {members}
- Weights: {weights}
- Labels: {", ".join(task.label_names)}
- Encoder of the experts: {config.encoder.short_name}, at most {config.encoder.max_length} sub-tokens
- Knowledge corpora: {corpora or "none noted in the cache"}
- F1 on the development split: {dev_f1:.2f}

## Use

```python
from kc_schema.retrieval_cache import open_cache
from training.mixture import load_mixture

mixture = load_mixture("this folder")
found = mixture.predict(open_cache("a cache with the same sources and features"), "test")
```

or `python -m training.predict --run RUN --cache CACHE`. The folder refers to its experts within the run, so
move the run as a whole.

## Limits

The labels are those of the data set; text of another kind, other languages and evidence from another corpus
were not measured. A mixture is no better than the evidence it is given: evidence that misleads all experts
misleads it, too.
"""


def _gate(mixture: MixtureConfig) -> str:
    gate = mixture.gate
    each = "one weight for every label" if gate.weights == "label" else "one weight an example"
    vectors = "L2-normalised" if gate.normalised else "raw"
    return f"a learned gate, {each}, on {vectors} {' and '.join(gate.vectors)}"
