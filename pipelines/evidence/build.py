"""Builds a retrieval cache: examples, features, evidence of every source, report, manifest.

Every batch of examples is a step that is kept in ``.work`` until the cache is finished, so that a build that was
stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.attribution import ATTRIBUTION
from kc_schema.cache_tables import HitsByExample
from kc_schema.cache_writer import cache_place
from kc_schema.hit import Hit
from kc_schema.retrieval_cache import (
    MANIFEST,
    NO_RELATION,
    REPORT,
    CacheError,
    CacheWriter,
    Example,
    RetrievalCache,
    open_cache,
)
from kc_schema.store import (
    WORK,
    Place,
    checksum,
    fingerprint,
    remove,
    write_text,
)
from pipelines.datasets import Dataset
from pipelines.engine import TIMINGS, Engine, StageTimes
from pipelines.evidence import EvidenceError
from pipelines.evidence.answers import NumberedBatch, answer_batch
from pipelines.evidence.cluster_answers import ask_elsewhere
from pipelines.evidence.corpora import Corpora
from pipelines.evidence.crops import Cropper
from pipelines.evidence.named_source import NamedSource
from pipelines.evidence.options import BUILT_IN, CONTROL, IMAGE_SOURCES, RETRIEVED, Settings
from pipelines.evidence.queries import BATCH, QueryBatch, sentence_query
from pipelines.evidence.refine import refine
from pipelines.evidence.report import gold_mentions, report_split
from pipelines.evidence.sources import Source, SourceAnswer
from pipelines.evidence.steps import BuildSteps

__all__ = ["CacheBuild", "batches_of", "build_cache", "find_finished"]

RECIPE = 2
"""Version of what is computed; raised when the same settings would give other evidence."""

Progress: TypeAlias = "Callable[[int, str], object]"
"""Takes how many examples are done, and which source is asked for the next."""


@dataclass(frozen=True)
class CacheBuild:
    """All that a build needs."""

    output: Path
    dataset: Dataset
    images: Mapping[str, Mapping[str, Path]]
    """Split -> image name -> file."""
    corpora: Corpora
    cropper: Cropper
    named: Mapping[str, NamedSource] = field(default_factory=dict)
    """The sources from elsewhere."""
    limit: int | None = None
    """Only so many examples of each split were read."""
    times: StageTimes = field(default_factory=StageTimes)
    """How long the stages take."""

    @property
    def settings(self) -> Settings:
        """What decides the evidence; the corpora are opened by the same."""
        return self.corpora.settings

    @cached_property
    def made_from(self) -> dict[str, Any]:
        """What `CacheWriter` is made with: the same for two builds that give the same cache."""
        encoder = None
        if self.corpora.has_encoder:
            opened = self.corpora.encoder
            encoder = {
                "name": opened.name,
                "sha256": opened.weights_sha256,
                "fingerprint": opened.fingerprint,
                "precision": str(opened.dtype).removeprefix("torch."),
            }
        return {
            "dataset": self.dataset.name,
            "task": self.dataset.task,
            "snapshots": self.corpora.snapshots(),
            "encoder": encoder,
            "options": self._options(images_by_content=encoder is not None),
        }

    def _options(self, *, images_by_content: bool) -> dict[str, Any]:
        data = {split: checksum(path) for split, path in self.dataset.files.items()}
        options = {"recipe": RECIPE, "data": data, **asdict(self.settings)}
        if self.settings.needs("object"):
            options["objects"] = self.cropper.describe()
        if self.dataset.columns is not None:
            options["columns"] = asdict(self.dataset.columns)
        if self.dataset.no_relation not in (None, NO_RELATION):
            options["no_relation"] = self.dataset.no_relation
        if self.dataset.unlabelled:
            options["unlabelled"] = self.dataset.unlabelled
        if self.limit is not None:
            options["limit"] = self.limit
        if self.corpora.with_apparatus:
            options["with_apparatus"] = True
        options["images"] = self._checksum_of_images(content=images_by_content)
        return options

    def _checksum_of_images(self, *, content: bool) -> str:
        """Without `content` only which images there are counts, for nothing looks into them."""
        digest = hashlib.sha256()
        for split, paths in sorted(self.images.items()):
            for name, path in sorted(paths.items()):
                digest.update(f"{split}/{name} {checksum(path) if content else ''}\n".encode())
        return digest.hexdigest()

    def queries(self, examples: Sequence[Example]) -> list[str]:
        """Return the query of every example."""
        return [sentence_query(example.tokens, clean=self.settings.clean_query) for example in examples]

    def source(self, name: str) -> Source:
        """Return a source, ready to be asked."""
        return self.named[name] if name in self.named else self.corpora.source(name, self.cropper)


def find_finished(build: CacheBuild, *, overwrite: bool) -> RetrievalCache | None:
    """Return the cache in the build's folder where it is finished and made from the same; None where there is none.

    Raises:
        EvidenceError: there is one made from something else, and `overwrite` is not set; all that differs is
            named. Or the folder holds something that is no cache.
    """
    output = build.output
    try:
        cache = open_cache(output)
    except CacheError:
        left = {WORK, ".lock"}
        strange = output.is_dir() and not (output / WORK).is_dir()
        strange = strange and any(path.name not in left for path in output.iterdir())
        if ((output / MANIFEST).exists() or strange) and not overwrite:
            raise EvidenceError(
                f"{output}: there is something, and it is no retrieval cache; give another --output, or"
                " --overwrite"
            ) from None
        return None
    changed = [
        line
        for name, now in build.made_from.items()
        for line in _differences(name, cache.manifest[name], json.loads(json.dumps(now)))
    ]
    if not changed:
        return _checked(cache, overwrite=overwrite)
    if not overwrite:
        raise EvidenceError(
            f"{output}: a cache made from something else stands there ({'; '.join(changed)}); give --overwrite to"
            " build it again, or another --output"
        )
    return None


def _differences(name: str, was: Any, now: Any) -> Iterator[str]:
    """Yield a phrase for every setting that differs, however deep it lies."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            yield from _differences(f"{name}: {key}", was.get(key), now.get(key))
    elif was != now:
        then, today = (json.dumps(value, ensure_ascii=False) for value in (was, now))
        yield f"{name}: {then} then, {today} now"


def _checked(cache: RetrievalCache, *, overwrite: bool) -> RetrievalCache | None:
    try:
        cache.verify()
    except CacheError as error:
        if not overwrite:
            raise EvidenceError(f"{error} with --overwrite") from error
        return None
    return cache if (cache.folder / REPORT).is_file() else None


def build_cache(
    build: CacheBuild, progress: Progress, engine: Engine | None = None
) -> tuple[RetrievalCache, dict[str, Any]]:
    """Build the cache, or go on with one that was stopped; return it and its report.

    Args:
        engine: where it is a cluster's, its workers ask the corpora; chance and files are asked here.

    Raises:
        kc_schema.store.PlaceBusyError: another process builds there.
        kc_schema.retrieval_cache.CacheError: rows that break the rules of a cache.
        kc_schema.errors.UserError: a corpus fails.
    """
    with cache_place(build.output) as place, _times_written(build, place):
        writer = CacheWriter(build.output, **build.made_from, overwrite=True, place=place)
        steps = BuildSteps(build.output, fingerprint(build.made_from))
        if engine is not None and not engine.local:
            numbered = [
                NumberedBatch(number, batch)
                for split in build.dataset.splits
                for number, batch in enumerate(batches_of(build, split))
            ]
            with engine.writing(build.output, build.corpora.tell or (lambda _: None)):
                ask_elsewhere(build.corpora, build.cropper, steps, numbered, engine, progress, build.times)
        sources = {name: build.source(name) for name in build.settings.sources}
        reports = {}
        done = 0
        for split, examples in build.dataset.splits.items():
            writer.write_examples(split, examples)
            own = partial(_show, progress, done)
            reports[split] = _build_split(build, writer, steps, sources, split, own)
            done += len(examples)
        for name in ("image missing", "image broken"):
            lost = sum(build.dataset.quirks.of(name, split) for split in build.dataset.splits)
            if lost:
                writer.count_drop(name, lost)
        report = {"dataset": build.dataset.name, "splits": reports}
        if (notice := build.corpora.notice()) is not None:
            write_text(build.output / ATTRIBUTION, notice)
        write_text(build.output / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        cache = writer.commit()
        place.remove_work()
    return cache, report


@contextmanager
def _times_written(build: CacheBuild, place: Place) -> Iterator[None]:
    """Write down how long the stages took when the block ends, however it does; those of another build go."""
    if not place.work.exists():
        remove(build.output / TIMINGS)
    try:
        yield
    finally:
        build.times.write(build.output)


def _show(progress: Progress, before: int, done: int, source: str) -> None:
    progress(before + done, source)


def _build_split(
    build: CacheBuild,
    writer: CacheWriter,
    steps: BuildSteps,
    sources: Mapping[str, Source],
    split: str,
    progress: Progress,
) -> dict[str, Any]:
    """Ask the sources, choose, write hits and features of a split; return its report."""
    examples = build.dataset.splits[split]
    found = _collect(build, steps, sources, split, progress)
    with build.times.turn("choose and write", "examples") as time_of:
        report = _write_split(build, writer, split, found)
        time_of.done += len(examples)
    return report


def _write_split(build: CacheBuild, writer: CacheWriter, split: str, found: _Collected) -> dict[str, Any]:
    """Choose, write hits and features of a split; return its report."""
    examples, settings = build.dataset.splits[split], build.settings
    kept = _choose(build, examples, found)
    for name, hits in kept.items():
        columns = list(_optional_columns(name, settings))
        if name in BUILT_IN and (identified := build.corpora.with_wikidata_ids(hits)) is not None:
            hits, columns = identified, [*columns, "wikidata_id"]
        if name in BUILT_IN and (typed := build.corpora.with_types(hits)) is not None:
            hits, columns = typed, [*columns, "types"]
        writer.write_hits(name, split, hits, columns)
    if found.vectors:
        writer.write_features(split, _features(build, examples, pa.concat_tables(found.vectors), kept))
    queries, best = build.queries(examples), found.best_scores()
    names = {name for example in examples for name in gold_mentions(example)}
    return report_split(
        examples,
        queries,
        kept,
        found.counts,
        leaks=settings.mark_leaks,
        best_scores=best,
        covered=build.corpora.covered_names(names),
    )


class _Collected:
    """What the sources have for a split, before anything is left out."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.hits: dict[str, dict[str, Sequence[Hit]]] = {name: {} for name in sources}
        """Source -> example id -> hits."""
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in self.hits}
        self.vectors: list[pa.Table] = []
        """Of the batches, in order; empty where nothing is encoded."""

    def add(self, name: str, answer: SourceAnswer) -> None:
        """Take an answer of a source."""
        self.hits[name].update(answer.hits)
        self.counts[name].update(answer.counts)

    def best_scores(self) -> dict[str, float]:
        """Return source -> the best score of all its hits; a source without hits has none."""
        scores = {
            name: [hit.score for hits in by_id.values() for hit in hits] for name, by_id in self.hits.items()
        }
        return {name: max(own) for name, own in scores.items() if own}


def _collect(
    build: CacheBuild, steps: BuildSteps, sources: Mapping[str, Source], split: str, progress: Progress
) -> _Collected:
    found = _Collected(sources)
    for number, batch in enumerate(batches_of(build, split)):
        vectors, answers = answer_batch(
            build.corpora, steps, sources, batch, number, build.times, look=partial(progress, batch.start)
        )
        found.vectors += [] if vectors is None else [vectors]
        for name, answer in answers.items():
            found.add(name, answer)
        progress(batch.start + len(batch.examples), "")
    # Chance and files are asked once a split: what they read serves all of its examples.
    size = len(build.dataset.splits[split])
    whole = next(batches_of(build, split, size))
    for name in (name for name in sources if name not in RETRIEVED):
        progress(size, name)
        ask = partial(_ask, sources[name], name, whole, build.times)
        found.add(name, steps.answer(f"{split}/{name}", ask) if name in CONTROL else ask())
    return found


def _ask(source: Source, name: str, batch: QueryBatch, times: StageTimes) -> SourceAnswer:
    with times.turn(f"ask {name}", "examples") as time_of:
        answer = source.ask(batch)
        time_of.done += len(batch.examples)
    return answer


def batches_of(build: CacheBuild, split: str, size: int = BATCH) -> Iterator[QueryBatch]:
    """Yield a split in the pieces in which sources are asked."""
    examples = build.dataset.splits[split]
    paths = build.images.get(split, {})
    for start in range(0, len(examples), size):
        own = examples[start : start + size]
        images = [paths.get(example.image) if example.image is not None else None for example in own]
        yield QueryBatch(split, start, own, build.queries(own), images)


def _choose(
    build: CacheBuild, examples: Sequence[Example], found: _Collected
) -> dict[str, dict[str, list[Hit]]]:
    """Return source -> example id -> the evidence that is kept, in its order."""
    kept: dict[str, dict[str, list[Hit]]] = {name: {} for name in found.hits}
    for example, query in zip(examples, build.queries(examples), strict=True):
        own = {name: by_id.get(example.example_id, []) for name, by_id in found.hits.items()}
        for name, hits in refine(own, build.settings, found.counts, query).items():
            kept[name][example.example_id] = hits
    return kept


def _optional_columns(name: str, settings: Settings) -> Iterator[str]:
    if name == "object":
        yield from ("box", "crop")
    if settings.rerank_by_image and name in RETRIEVED:
        yield "agreement"
    if settings.mark_leaks:
        yield "leak"


def _features(
    build: CacheBuild, examples: Sequence[Example], features: pa.Table, kept: Mapping[str, HitsByExample]
) -> pa.Table:
    """Return the features with ``SOURCE_evidence_vector``: the mean vector of the images that were found.

    It is null for an example for which none was found.
    """
    for name in filter(IMAGE_SOURCES.__contains__, kept):
        means = [_mean_vector(build, kept[name][example.example_id]) for example in examples]
        column = pa.array(means, pa.list_(pa.float32()))
        features = features.append_column(f"{name}_evidence_vector", column)
    return features


def _mean_vector(build: CacheBuild, hits: Iterable[Hit]) -> npt.NDArray[np.float32] | None:
    mean = build.corpora.images.mean_vector(hit.record_id for hit in hits)
    return None if mean is None else mean.astype(np.float32)
