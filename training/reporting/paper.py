"""The figures of the paper (Wang et al. 2022), F1 on test unless said otherwise, to stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["paper_expert", "paper_label", "paper_marginal", "paper_mixture", "paper_speed"]

_DATASETS = ("twitter15", "twitter17", "snap", "wikidiverse", "mnre")

_EXPERTS: Mapping[str | None, tuple[float, ...]] = {  # Tables 2 and 5
    None: (77.29, 88.68, 89.35, 76.01, 65.77),
    "text": (77.91, 89.50, 90.09, 77.97, 66.62),
    "image": (78.13, 89.82, 90.20, 77.46, 67.24),
    "random_text": (77.03, 88.53, 89.21, 75.88, 65.34),
    "random_image": (77.27, 88.61, 89.29, 75.96, 65.28),
}
_MIXTURES: Mapping[tuple[str, tuple[str, ...]], tuple[float, ...]] = {  # Tables 2 and 3
    ("average", ("text", "text")): (78.37, 89.70, 90.72, 78.25, 66.91),
    ("average", ("image", "image")): (78.81, 89.47, 90.55, 78.16, 68.07),
    ("average", ("image", "text")): (79.00, 89.86, 91.02, 78.82, 68.29),
    ("gate", ("text", "text")): (78.62, 89.86, 90.80, 78.45, 68.22),
    ("gate", ("image", "image")): (78.88, 90.32, 90.78, 78.24, 68.44),
    ("gate", ("image", "text")): (79.21, 90.67, 91.10, 79.33, 68.60),
}
_MARGINAL: Mapping[str, tuple[float, ...]] = {  # Table 6
    "text": (77.85, 89.40, 90.00, 77.92),
    "image": (78.07, 89.73, 90.15, 77.39),
}
_LABELS = {  # Table 4: LOC, ORG, OTHER (MISC), PER
    "snap": {
        None: (86.45, 89.71, 76.82, 93.70),
        "text": (87.90, 89.85, 79.65, 93.79),
        "image": (87.72, 89.88, 79.00, 94.34),
    },
    "wikidiverse": {
        None: (78.16, 76.63, 62.40, 89.42),
        "text": (79.97, 76.64, 66.32, 90.68),
        "image": (78.30, 78.53, 64.88, 91.41),
    },
    "mnre": {
        None: (71.83, 62.70, 61.92, 62.94),
        "text": (71.85, 64.67, 66.37, 63.85),
        "image": (74.74, 65.86, 65.38, 64.24),
    },
}
_LABEL_NAMES = {
    "loc": 0,
    "location": 0,
    "org": 1,
    "organization": 1,
    "other": 2,
    "others": 2,
    "misc": 2,
    "per": 3,
    "person": 3,
}
_SPEED = {  # Table 7, sentences a second on a V100 with a batch size of 1
    "ITA feature extraction": 0.7,
    "CLIP feature extraction": 6.4,
    "text retrieval": 64.6,
    "image retrieval": 650.1,
    "model prediction": 8.2,
}


def _of(figures: Sequence[float] | None, dataset: str) -> float | None:
    name = dataset.lower().replace("-", "").replace("_", "")
    if figures is None or name not in _DATASETS:
        return None
    place = _DATASETS.index(name)
    return figures[place] if place < len(figures) else None


def paper_expert(dataset: str, source: str | None) -> float | None:
    """Return the figure of a single model, None where the paper has none."""
    return _of(_EXPERTS.get(source), dataset)


def paper_marginal(dataset: str, source: str | None) -> float | None:
    """Return the figure of a single model decoded by its marginals, None where the paper has none."""
    return _of(_MARGINAL.get(source or ""), dataset)


def paper_mixture(dataset: str, kind: str, sources: Sequence[str | None], weights: str) -> float | None:
    """Return the figure of a mixture, None where the paper has none (a weight an example, other sources)."""
    if kind == "gate" and weights != "label":
        return None
    return _of(_MIXTURES.get((kind, tuple(sorted(source or "" for source in sources)))), dataset)


def paper_label(dataset: str, source: str | None, label: str) -> float | None:
    """Return the figure of a single model for a label, None where the paper has none."""
    figures = _LABELS.get(dataset.lower(), {}).get(source)
    place = _LABEL_NAMES.get(label.lower())
    return None if figures is None or place is None else figures[place]


def paper_speed() -> dict[str, float]:
    """Return module -> sentences a second."""
    return dict(_SPEED)
