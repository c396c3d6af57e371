"""Everything that decides what a cache holds, apart from the data set and the corpora."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.retrieval.errors import RetrievalError

__all__ = [
    "BUILT_IN",
    "CONTROL",
    "DEFAULT_K",
    "IMAGE_SOURCES",
    "RETRIEVED",
    "TEXT_SOURCES",
    "Settings",
    "SourceSettings",
    "with_defaults",
]

TEXT_SOURCES = ("text", "random_text")
"""Sources that read the text corpus."""
IMAGE_SOURCES = ("sentence_image", "image", "object", "random_image")
"""Sources that read the image corpus."""
RETRIEVED = ("text", "sentence_image", "image", "object")
"""Sources that ask a corpus about the example: what may be re-ranked and thinned out."""
CONTROL = ("random_text", "random_image")
"""Sources of random evidence (the paper's Table 5)."""
BUILT_IN = (*RETRIEVED, *CONTROL)

DEFAULT_K = 10
_SPARE = 4
"""Times k that is asked for where evidence may be left out or re-ranked afterwards."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What is kept of one source."""

    k: int = DEFAULT_K
    """Hits an example, at most."""
    minimum_score: float | None = None
    """Hits that score less are left out."""
    per_title: int = 0
    """Hits of one article, at most; 0 for any number."""
    candidates: int = DEFAULT_K
    """Hits that are asked for, of which `k` are kept."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the evidence; every field is noted in the manifest."""

    sources: dict[str, SourceSettings]
    clean_query: bool = False
    """Queries without URLs, ``RT @user :`` and hash signs."""
    seed: int = 0
    """Decides what the random sources draw."""
    rerank_by_image: bool = False
    """Evidence whose title and text agree with the example's image in CLIP space moves up."""
    rerank_by_sources: bool = False
    """Evidence from an article that other sources found, too, moves up."""
    drop_near_duplicates: bool = False
    """Evidence that nearly repeats better evidence of its source is left out."""
    mark_leaks: bool = False
    """Evidence that contains the query itself is marked."""
    max_document_frequency: float | None = None
    """Text queries without words found in more than this share of the sentences."""
    objects: dict[str, Any] = field(default_factory=dict)
    """Where crops come from (`pipelines.retrieval.crops.Cropper.describe`)."""
    evidence: dict[str, str] = field(default_factory=dict)
    """Named source -> checksum of the files that it was read from."""

    def needs(self, *names: str) -> bool:
        """Tells whether one of these sources is asked for."""
        return any(name in self.sources for name in names)

    @property
    def needs_encoder(self) -> bool:
        """Whether examples must be encoded for the evidence alone."""
        return self.needs("sentence_image", "image", "object") or self.rerank_by_image

    def as_options(self) -> dict[str, Any]:
        """Gives the settings as the manifest keeps them."""
        options = asdict(self)
        if "object" not in self.sources:
            del options["objects"]
        return options


def with_defaults(
    name: str,
    *,
    k: int = DEFAULT_K,
    minimum_score: float | None = None,
    per_title: int | None = None,
    candidates: int | None = None,
    thinned: bool = False,
) -> SourceSettings:
    """Gives the settings of a source.

    Args:
        name: the source. Evidence from the image index is an article's introduction, so one hit an article
            is the default there.
        candidates: None asks for `k`, or for four times as many where hits may be left out or move.
        thinned: whether an option that leaves out or moves hits is in force.

    Raises:
        RetrievalError: a number that makes no sense.
    """
    if per_title is None:
        per_title = 1 if name in ("sentence_image", "image", "object") else 0
    if candidates is None:
        # The image index gives distinct articles by itself.
        thinned = thinned or (per_title > 0 and not (name in IMAGE_SOURCES and per_title == 1))
        candidates = k * _SPARE if thinned and name in RETRIEVED else k
    if k < 1 or per_title < 0 or candidates < k:
        raise RetrievalError(
            f"source {name}: k {k}, per title {per_title}, candidates {candidates}: k is 1 or more, per title 0"
            " or more, and candidates are at least k"
        )
    return SourceSettings(k, minimum_score, per_title, candidates)
