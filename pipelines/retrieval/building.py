"""Builds a retrieval cache: examples, features, evidence of every source, report, manifest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import CacheWriter, Example, RetrievalCache
from kc_schema.snapshot import checksum
from pipelines.datasets.records import Dataset
from pipelines.retrieval.chunks import CHUNK, Chunk, encode_examples
from pipelines.retrieval.consistency import refine
from pipelines.retrieval.corpora import Corpora
from pipelines.retrieval.crops import Cropper
from pipelines.retrieval.evidence import Evidence, evidence_of, table_of
from pipelines.retrieval.output import REPORT, locked, remove_strangers
from pipelines.retrieval.parts import Parts
from pipelines.retrieval.queries import sentence_query
from pipelines.retrieval.report import report_split
from pipelines.retrieval.settings import CONTROL, IMAGE_SOURCES, RETRIEVED, Settings
from pipelines.retrieval.tables import hits_table, with_mean_vectors
from pipelines.retrieval.text_source import find_by_text

__all__ = ["Build", "build_cache", "chunks_of"]

RECIPE = 1
"""Version of what is computed; raised when the same settings would give other evidence."""

Progress = Callable[[str, int, int], object]


@dataclass
class Build:
    """All that a build needs."""

    output: Path
    dataset: Dataset
    images: Mapping[str, Mapping[str, Path]]
    """Split -> image name -> file."""
    settings: Settings
    corpora: Corpora
    cropper: Cropper
    named: Mapping[str, Mapping[str, dict[str, list[Evidence]]]] = field(default_factory=dict)
    """Named source -> split -> example id -> evidence."""
    named_counts: Mapping[str, Counter[str]] = field(default_factory=dict)

    def manifest_settings(self) -> dict[str, Any]:
        """Gives what `CacheWriter` is made with: the same for two builds that give the same cache."""
        encoder = None
        if self.corpora.has_encoder:
            opened = self.corpora.encoder
            encoder = {
                "name": opened.name,
                "sha256": opened.weights_sha256,
                "fingerprint": opened.fingerprint,
                "precision": str(opened.dtype).removeprefix("torch."),
            }
        data = {split: checksum(path) for split, path in self.dataset.files.items()}
        options = {"recipe": RECIPE, "data": data, **self.settings.as_options()}
        if self.dataset.columns is not None:
            options["columns"] = self.dataset.columns
        options["images"] = self._checksum_of_images(content=encoder is not None)
        return {
            "dataset": self.dataset.name,
            "task": self.dataset.task,
            "snapshots": self.corpora.snapshots(),
            "encoder": encoder,
            "options": options,
        }

    def _checksum_of_images(self, *, content: bool) -> str:
        """Without `content` only which images there are counts, for nothing looks into them."""
        digest = hashlib.sha256()
        for split, paths in sorted(self.images.items()):
            for name, path in sorted(paths.items()):
                digest.update(f"{split}/{name} {checksum(path) if content else ''}\n".encode())
        return digest.hexdigest()


def build_cache(
    build: Build, settings: Mapping[str, Any], progress: Progress
) -> tuple[RetrievalCache, dict[str, Any]]:
    """Builds the cache, or goes on with one that was stopped; gives it and its report.

    Args:
        build: what to build.
        settings: `Build.manifest_settings`.
        progress: told step, examples done, examples in all.

    Raises:
        RetrievalError: another process builds there.
        kc_schema.retrieval_cache.CacheError: rows that break the rules of a cache.
        pipelines.text_index.TextIndexError, pipelines.image_index.ImageIndexError: a corpus fails.
    """
    fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    parts = Parts(build.output, fingerprint)
    with locked(build.output):
        writer = CacheWriter(build.output, **settings, overwrite=True)
        reports = {}
        total = sum(map(len, build.dataset.splits.values()))
        before = 0
        for split, examples in build.dataset.splits.items():
            writer.write_examples(split, examples)
            told = partial(_tell, progress, before, total)
            reports[split] = _build_split(build, writer, parts, split, told)
            before += len(examples)
        for name in ("image missing", "image broken"):
            lost = sum(build.dataset.quirks.of(name, split) for split in build.dataset.splits)
            if lost:
                writer.count_drop(name, lost)
        report = {"dataset": build.dataset.name, "splits": reports}
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        write_atomically(build.output / REPORT, lambda path: path.write_text(text, encoding="utf-8"))
        cache = writer.commit()
        remove_strangers(cache)
        parts.remove()
    return cache, report


def _tell(progress: Progress, before: int, total: int, step: str, done: int) -> None:
    progress(step, before + done, total)


def _build_split(
    build: Build, writer: CacheWriter, parts: Parts, split: str, progress: Callable[[str, int], object]
) -> dict[str, Any]:
    """Writes hits and features of a split; gives its report."""
    examples = build.dataset.splits[split]
    settings = build.settings
    counts: dict[str, Counter[str]] = {source: Counter() for source in settings.sources}
    candidates: dict[str, dict[str, list[Evidence]]] = {source: {} for source in settings.sources}
    vectors: list[pa.Table] = []
    for chunk in chunks_of(build, split):
        number, done = len(vectors), chunk.start + len(chunk.examples)
        vectors.append(_encode(build, parts, chunk, number) if build.corpora.has_encoder else _no_vectors())
        for source in settings.sources:
            if source in RETRIEVED:
                progress(source, chunk.start)
                candidates[source].update(_ask(build, parts, chunk, source, number, counts[source]))
        progress("", done)
    for source in settings.sources:
        if source in CONTROL:
            progress(source, len(examples))
            candidates[source] = _draw(build, parts, split, source, counts[source])
        elif source not in RETRIEVED:
            candidates[source] = build.named[source][split]
            if split == next(iter(build.dataset.splits)):
                counts[source].update(build.named_counts.get(source, Counter()))
    kept = _choose(examples, candidates, settings, counts)
    queries = _queries(build, examples)
    for source, found in kept.items():
        writer.write_hits(source, split, hits_table(source, examples, queries, found, settings))
    if build.corpora.has_encoder:
        table = pa.concat_tables(vectors)
        for source in (source for source in IMAGE_SOURCES if source in kept):
            found = kept[source]
            table = with_mean_vectors(table, source, examples, found, build.corpora.images.mean_vector)
        writer.write_features(split, table)
    return report_split(examples, queries, kept, counts, leaks=settings.mark_leaks)


def _choose(
    examples: Sequence[Example],
    candidates: Mapping[str, Mapping[str, Sequence[Evidence]]],
    settings: Settings,
    counts: Mapping[str, Counter[str]],
) -> dict[str, dict[str, list[Evidence]]]:
    """Gives source -> example id -> the evidence that is kept, in its order."""
    kept: dict[str, dict[str, list[Evidence]]] = {source: {} for source in candidates}
    for example in examples:
        own = {source: found.get(example.example_id, []) for source, found in candidates.items()}
        for source, pieces in refine(own, settings, counts).items():
            kept[source][example.example_id] = pieces
    return kept


def _queries(build: Build, examples: Sequence[Example]) -> list[str]:
    return [sentence_query(example.tokens, clean=build.settings.clean_query) for example in examples]


def chunks_of(build: Build, split: str) -> Iterator[Chunk]:
    """Gives a split in the pieces in which sources are asked."""
    examples = build.dataset.splits[split]
    paths = build.images.get(split, {})
    for start in range(0, len(examples), CHUNK):
        own = examples[start : start + CHUNK]
        images = [paths.get(example.image) if example.image is not None else None for example in own]
        yield Chunk(split, start, own, _queries(build, own), images)


def _encode(build: Build, parts: Parts, chunk: Chunk, number: int) -> pa.Table:
    table = parts.get(
        f"{chunk.split}/features-{number:05d}",
        lambda _: encode_examples(build.corpora.encoder, chunk),
        Counter(),
    )
    chunk.set_vectors(table)
    return table


def _no_vectors() -> pa.Table:
    return pa.table({})


def _ask(
    build: Build, parts: Parts, chunk: Chunk, source: str, number: int, counts: Counter[str]
) -> dict[str, list[Evidence]]:
    def compute(own: Counter[str]) -> pa.Table:
        found = _find(build, chunk, source, own)
        if build.settings.rerank_by_image:
            from pipelines.retrieval.image_source import with_agreement

            found = with_agreement(found, chunk, build.corpora.encoder)
        return table_of(found)

    return evidence_of(parts.get(f"{chunk.split}/{source}-{number:05d}", compute, counts))


def _find(build: Build, chunk: Chunk, source: str, counts: Counter[str]) -> dict[str, list[Evidence]]:
    limits, corpora = build.settings.sources[source], build.corpora
    if source == "text":
        return find_by_text(corpora.text_index, chunk, limits.candidates)
    from pipelines.retrieval.image_source import find_by_vectors, find_objects

    index = corpora.images.index
    if source == "object":
        return find_objects(index, corpora.encoder, build.cropper, chunk, limits, counts)
    vectors = chunk.text_vectors if source == "sentence_image" else chunk.image_vectors
    return find_by_vectors(index, chunk, vectors, limits, counts)


def _draw(
    build: Build, parts: Parts, split: str, source: str, counts: Counter[str]
) -> dict[str, list[Evidence]]:
    from pipelines.retrieval.random_source import draw_images, draw_text

    examples, k = build.dataset.splits[split], build.settings.sources[source].k
    key = f"{build.settings.seed}\n{split}"

    def compute(own: Counter[str]) -> pa.Table:
        if source == "random_text":
            return table_of(draw_text(build.corpora.text_snapshot, examples, k, key))
        images = build.corpora.images
        return table_of(draw_images(images.embedding_files, images.fetch, examples, k, key, own))

    return evidence_of(parts.get(f"{split}/{source}", compute, counts))
