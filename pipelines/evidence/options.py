"""What decides the evidence of a cache: the options of the command, and the settings that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from kc_schema.command import options
from kc_schema.retrieval_cache import Example
from kc_schema.store import as_path, checksum
from pipelines.evidence import EvidenceError
from pipelines.evidence.crops import Cropper, read_boxes, read_crops
from pipelines.evidence.named_source import NamedSource

__all__ = [
    "BUILT_IN",
    "CONTROL",
    "DEFAULT_K",
    "IMAGE_SOURCES",
    "RETRIEVED",
    "TEXT_SOURCES",
    "EvidenceOptions",
    "Settings",
    "SourceSettings",
    "with_defaults",
]

TEXT_SOURCES = ("text", "entity", "random_text")
"""Sources that read the text corpus."""
IMAGE_SOURCES = ("sentence_image", "image", "object", "random_image")
"""Sources that read the image corpus."""
RETRIEVED = ("text", "entity", "sentence_image", "image", "object")
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
    evidence: dict[str, str] = field(default_factory=dict)
    """Named source -> checksum of the files that it was read from."""

    def needs(self, *names: str) -> bool:
        """Tell whether one of these sources is asked for."""
        return any(name in self.sources for name in names)

    @property
    def asking_by_image(self) -> list[str]:
        """The sources and options that need the examples' own images."""
        names = [name for name in ("image", "object") if self.needs(name)]
        return [*names, *(["--rerank-by-image"] if self.rerank_by_image else [])]

    @property
    def needs_encoder(self) -> bool:
        """Whether examples must be encoded for the evidence alone."""
        return self.needs("sentence_image", "image", "object") or self.rerank_by_image


def with_defaults(
    name: str,
    *,
    k: int = DEFAULT_K,
    minimum_score: float | None = None,
    per_title: int | None = None,
    candidates: int | None = None,
    thinned: bool = False,
) -> SourceSettings:
    """Return the settings of a source.

    Args:
        name: the source. Evidence from the image index is an article's introduction, so one hit an article
            is the default there.
        candidates: None asks for `k`, or for four times as many where hits may be left out or move.
        thinned: whether an option that leaves out or moves hits is in force.

    Raises:
        EvidenceError: a number that makes no sense.
    """
    if per_title is None:
        per_title = 1 if name in ("sentence_image", "image", "object") else 0
    if candidates is None:
        # The image index gives distinct articles by itself.
        thinned = thinned or (per_title > 0 and not (name in IMAGE_SOURCES and per_title == 1))
        candidates = k * _SPARE if thinned and name in RETRIEVED else k
    if k < 1 or per_title < 0 or candidates < k:
        raise EvidenceError(
            f"source {name}: k {k}, per title {per_title}, candidates {candidates}: k is 1 or more, per title 0"
            " or more, and candidates are at least k"
        )
    return SourceSettings(k, minimum_score, per_title, candidates)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_GRID = re.compile(r"([1-9]\d?)x([1-9]\d?)")

Crops = Parameter(group=Group("Crops of the source object, one of", sort_key=3))


@options
@dataclass(frozen=True, kw_only=True)
class EvidenceOptions:
    """Which sources to ask, and what to keep of them. Numbers are for all sources, or for one: --k text=5."""

    sources: str
    """With commas: text, entity, image, sentence_image, object, random_text, random_image, or names of --evidence."""
    evidence: list[str] | None = None
    """NAME=FILE, evidence from elsewhere: JSONL or Parquet with example_id or image, and text; may be repeated."""
    k: list[str] | None = None
    """Hits an example, at most; NUMBER or SOURCE=NUMBER, may be repeated. [default: 10]"""
    minimum_score: list[str] | None = None
    """Leave out hits that score less; likewise. [default: keep all]"""
    per_title: list[str] | None = None
    """Hits of one article, at most, 0 for any number; likewise. [default: 1 from images, else 0]"""
    candidates: list[str] | None = None
    """Hits to ask for, of which k are kept; likewise. [default: k, or 4 k where hits may go or move]"""
    clean_query: bool = False
    """Ask without URLs, 'RT @user :' and hash signs."""
    seed: int = 0
    """Of the random sources."""
    rerank_by_image: bool = False
    """Move up evidence that agrees with the example's image in CLIP space."""
    rerank_by_sources: bool = False
    """Move up evidence from articles that other sources found, too."""
    drop_near_duplicates: bool = False
    """Leave out evidence that nearly repeats better evidence of its source."""
    mark_leaks: bool = False
    """Mark hits that contain the query itself (column leak)."""
    boxes: Annotated[Path | None, Crops] = None
    """JSONL: image and its boxes, in pixels."""
    crops: Annotated[Path | None, Crops] = None
    """A folder of crops that the data set brings."""
    grid: Annotated[str | None, Crops] = None
    """Equal parts, ROWSxCOLUMNS. [default: 2x2]"""

    @property
    def names(self) -> list[str]:
        """The sources, each once."""
        return list(dict.fromkeys(name.strip() for name in self.sources.split(",") if name.strip()))

    def settings(self, max_document_frequency: float | None = None) -> Settings:
        """Return the settings that the options ask for.

        Args:
            max_document_frequency: of words that text queries keep.

        Raises:
            EvidenceError: a source that is not there, or numbers that make no sense.
        """
        files = self.files()
        for name in self.names:
            if name not in BUILT_IN and name not in files:
                raise EvidenceError(
                    f"--sources: {name!r} is none of {', '.join(BUILT_IN)}; evidence from elsewhere needs"
                    f" --evidence {name}=FILE"
                )
        unused = sorted(set(files) - set(self.names))
        if not self.names or unused:
            what = f"--evidence {unused[0]}=... is not among --sources" if unused else "--sources names none"
            raise EvidenceError(what)
        self._check_crops()
        return Settings(
            sources=self._source_settings(),
            clean_query=self.clean_query,
            seed=self.seed,
            rerank_by_image=self.rerank_by_image,
            rerank_by_sources=self.rerank_by_sources,
            drop_near_duplicates=self.drop_near_duplicates,
            mark_leaks=self.mark_leaks,
            max_document_frequency=max_document_frequency,
            evidence={name: checksum(path) for name, path in sorted(files.items())},
        )

    def _check_crops(self) -> None:
        given = [value for value in (self.boxes, self.crops, self.grid) if value is not None]
        if given and "object" not in self.names:
            raise EvidenceError("--boxes, --crops and --grid go with the source object")
        if len(given) > 1:
            raise EvidenceError("--boxes, --crops and --grid: give one of them")
        if self.grid is not None and _GRID.fullmatch(self.grid) is None:
            raise EvidenceError(f"--grid {self.grid}: not ROWSxCOLUMNS, such as 2x2")

    def _source_settings(self) -> dict[str, SourceSettings]:
        names = self.names
        ks = _numbers("--k", self.k, names)
        minima = _numbers("--minimum-score", self.minimum_score, names, whole=False)
        per_title = _numbers("--per-title", self.per_title, names)
        candidates = _numbers("--candidates", self.candidates, names)
        moved = self.rerank_by_image or self.rerank_by_sources or self.drop_near_duplicates
        if moved and not any(name in RETRIEVED for name in names):
            raise EvidenceError(
                f"re-ranking and dropping near-duplicates are for {', '.join(RETRIEVED)}; --sources has none of them"
            )
        if self.rerank_by_sources and sum(name in RETRIEVED for name in names) < 2:
            raise EvidenceError(f"--rerank-by-sources needs two of {', '.join(RETRIEVED)}")
        return {
            name: with_defaults(
                name,
                k=int(ks.get(name, DEFAULT_K)),
                minimum_score=minima.get(name),
                per_title=None if name not in per_title else int(per_title[name]),
                candidates=None if name not in candidates else int(candidates[name]),
                thinned=moved,
            )
            for name in names
        }

    def files(self) -> dict[str, Path]:
        """Return named source -> file.

        Raises:
            EvidenceError: not NAME=FILE, a name that is taken, or no such file.
        """
        files: dict[str, Path] = {}
        for text in self.evidence or ():
            name, _, file = text.partition("=")
            if not _NAME.fullmatch(name) or not file:
                raise EvidenceError(
                    f"--evidence {text}: give NAME=FILE; a name is letters, digits, '_', '-', '.'"
                )
            if name in BUILT_IN or name in files:
                raise EvidenceError(f"--evidence {text}: the name {name} is taken")
            path = as_path(file)
            if not path.is_file():
                raise EvidenceError(f"--evidence {text}: no such file")
            files[name] = path
        return files

    def cropper(self, images: set[str]) -> Cropper:
        """Return where crops come from; `images` are the names of the data set's images.

        Raises:
            pipelines.datasets.DatasetError: boxes or crops that cannot be read.
        """
        if self.boxes is not None:
            return read_boxes(self.boxes)
        if self.crops is not None:
            return read_crops(self.crops, images)
        rows, columns = (self.grid or "2x2").split("x")
        return Cropper(grid=(int(rows), int(columns)))

    def named(self, splits: Mapping[str, Sequence[Example]]) -> dict[str, NamedSource]:
        """Return the sources from elsewhere by name.

        Raises:
            EvidenceError, pipelines.datasets.DatasetError: a file that cannot be read.
        """
        return {name: NamedSource(path, splits) for name, path in self.files().items()}


def _numbers(
    option: str, given: list[str] | None, names: list[str], *, whole: bool = True
) -> dict[str, float]:
    """Return source -> number; a number for one source goes before one for all."""
    numbers: dict[str, float] = {}
    for text in sorted(given or (), key=lambda text: "=" in text):
        name, equals, value = text.rpartition("=")
        try:
            number = int(value) if whole else float(value)
        except ValueError as error:
            raise EvidenceError(f"{option} {text}: {value!r} is not a number") from error
        if equals and name not in names:
            raise EvidenceError(f"{option} {text}: {name!r} is not among --sources")
        numbers.update(dict.fromkeys([name] if equals else names, number))
    return numbers
