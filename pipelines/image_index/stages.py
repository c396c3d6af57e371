"""The stages of the image corpus, one after another: fetch, encode, index; and what the corpus then holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Protocol

from rich.console import Console

from kc_schema.image_manifest import (
    MANIFEST,
    EncoderDescription,
    ImageManifest,
    ImageSource,
    IndexSummary,
    read_image_manifest,
)
from kc_schema.snapshot import Snapshot, SnapshotError
from kc_schema.store import Place, read_json
from pipelines.engine import Engine
from pipelines.image_index.encoding.encode import (
    Encode,
    all_fetched,
    encoded_parts,
    kept_encoder,
)
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetching.fetch import Fetch, FetchOptions, fetched_parts
from pipelines.image_index.file_names import wiki_folder
from pipelines.image_index.layout import FetchedPart, Layout
from pipelines.image_index.plan import IMAGES_PER_PART, Plan, make_plan, with_rights
from pipelines.image_index.vector_index.build import IndexOptions, build_index, index_is_current
from pipelines.image_index.vector_index.served import read_description
from pipelines.image_index.vectors import Embeddings

__all__ = ["STAGES", "Index", "Stage", "build_image_corpus", "describe_corpus"]

STAGES = ("fetch", "encode", "index")


class Stage(Protocol):
    """A step of the build; it finds on disk what the stages before it made, and what it made itself."""

    def check(self) -> None:
        """Say what is lacking before any stage begins."""

    def is_current(self) -> bool:
        """Tell whether what it makes is there and current."""

    def run(self) -> None:
        """Make it; what a run that was stopped had made is kept and used."""


def build_image_corpus(
    snapshot: Snapshot,
    *,
    stages: Sequence[str] = STAGES,
    fetching: FetchOptions,
    encoding: EncodeOptions,
    indexing: IndexOptions,
    engine: Engine,
    console: Console,
    images_per_part: int = IMAGES_PER_PART,
) -> ImageManifest:
    """Run the stages, each unless what it makes is there and current; return the manifest.

    Raises:
        ImageIndexError: a stage failed, or one before it was not run.
        kc_schema.store.PlaceBusyError: another build is writing there.
        pipelines.engine.RunError: the steps of a stage failed.
    """
    layout = Layout(snapshot.folder)
    wiki = wiki_folder(snapshot.manifest.dump.get("wiki", "enwiki"))
    with layout.place() as place:
        kept = _read_kept(layout)
        # The later stages go on with what was fetched, from wherever.
        source = fetching.source(wiki) if "fetch" in stages else _fetched_source(layout)
        plan = make_plan(
            snapshot,
            layout,
            kinds=source.types,
            limit=source.limit,
            part_bits=kept.part_bits if kept else None,
            images_per_part=images_per_part,
        )
        if source.repository != "all":  # as all corpora of versions before: what they hold stays as it is
            plan = with_rights(plan, source.repository)
        made: dict[str, Stage] = {
            "fetch": Fetch(layout, plan, fetching, wiki, engine, console),
            "encode": Encode(
                layout, plan, encoding, engine.workers, console, None if engine.local else engine
            ),
            "index": Index(layout, plan, indexing, engine, console),
        }
        if kept and kept.source and made["fetch"].is_current():
            source = replace(source, images=kept.source.images)
        chosen = [made[name] for name in stages]
        for stage in chosen:
            stage.check()
        for stage in chosen:
            if not stage.is_current():
                try:
                    stage.run()
                finally:
                    _commit(place, layout, snapshot, plan, source)
        return _commit(place, layout, snapshot, plan, source)


def _commit(
    place: Place, layout: Layout, snapshot: Snapshot, plan: Plan, source: ImageSource
) -> ImageManifest:
    manifest = describe_corpus(layout, snapshot.fingerprint, plan, source)
    place.commit(manifest, layout.files(len(plan.planned)))
    return manifest


@dataclass(frozen=True)
class Index:
    """The stage: builds the index of what was encoded."""

    layout: Layout
    plan: Plan
    options: IndexOptions
    engine: Engine
    console: Console

    def check(self) -> None:
        """Leave it to `is_current`: the stages before may still make what is lacking."""

    def is_current(self) -> bool:
        """Tell whether the index that is there was made of the embeddings, as asked."""
        embeddings, _ = self._embeddings()
        current = index_is_current(self.layout, embeddings, self.options)
        if current:
            self._say(f"{self.layout.index}: the index is there and current")
        return current

    def run(self) -> None:
        """Build the index.

        Raises:
            ImageIndexError: nothing was encoded, not all of it, or there is no such index.
        """
        embeddings, encoder = self._embeddings()
        build_index(self.layout, embeddings, encoder, self.options, self.engine, self._say)

    def _embeddings(self) -> tuple[Embeddings, EncoderDescription]:
        layout = self.layout
        encoder = kept_encoder(layout)
        command = f"python -m pipelines.build_image_kc --kc {layout.kc} --stage encode"
        if encoder is None:
            raise ImageIndexError(f"{layout.images}: no images are encoded yet; run {command}")
        parts = encoded_parts(layout, all_fetched(layout, self.plan), encoder.fingerprint)
        if len(parts) < len(self.plan.planned):
            raise ImageIndexError(
                f"{layout.images}: {len(parts)} of {len(self.plan.planned)} parts are encoded; run {command}"
            )
        table = tuple(parts[number].part for number in sorted(parts))
        return Embeddings(layout.images, table, encoder.dimension), encoder

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def describe_corpus(layout: Layout, snapshot: str, plan: Plan, source: ImageSource) -> ImageManifest:
    """Return the manifest of what lies on disk, finished and current; `snapshot` is the fingerprint of the snapshot."""
    fetched = fetched_parts(layout, plan)
    encoder = kept_encoder(layout)
    encoded = encoded_parts(layout, fetched, encoder.fingerprint) if encoder else {}
    tables = {"articles": list(plan.parts)}
    if len(fetched) == len(plan.planned):
        tables["records"] = [fetched[number].part for number in sorted(fetched)]
    if len(encoded) == len(plan.planned):
        tables["embeddings"] = [encoded[number].part for number in sorted(encoded)]
    index = read_description(layout) if "embeddings" in tables else None
    return ImageManifest(
        snapshot=snapshot,
        source=source,
        part_bits=plan.part_bits,
        tables=tables,
        encoder=encoder if "embeddings" in tables else None,
        index=IndexSummary(index.factory, index.vectors) if index else None,
        counts={
            **plan.counts,
            "images": sum(part.images for part in fetched.values()),
            **_by_repository(fetched.values()),
            "bytes of images": sum(part.bytes for part in fetched.values()),
            "images encoded": sum(part.part.rows for part in encoded.values()),
        },
        drops={
            **plan.drops,
            "images": _total(part.failed for part in fetched.values()),
            "encoded images": _total(part.failed for part in encoded.values()),
        },
        versions={name: version(name) for name in ("pillow", "pyarrow")},
    )


def _by_repository(parts: Iterable[FetchedPart]) -> dict[str, int]:
    names = {"commons": "images of the shared repository", "wiki": "images of the wiki's own repository"}
    found = _total(part.repositories for part in parts)
    return {names[name]: count for name, count in found.items() if name in names}


def _total(failures: Iterable[dict[str, int]]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for some in failures:
        reasons.update(some)
    return dict(sorted(reasons.items()))


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a build goes by of the manifest that is there, of this version or of one before it."""

    part_bits: int
    source: ImageSource | None = None


def _read_kept(layout: Layout) -> _Kept | None:
    try:
        return read_json(layout.images / MANIFEST, _Kept)
    except (OSError, ValueError):
        return None


def _fetched_source(layout: Layout) -> ImageSource:
    """Return where the images that are there come from.

    Raises:
        ImageIndexError: nothing was fetched yet.
    """
    try:
        return read_image_manifest(layout.kc).source
    except SnapshotError as error:
        raise ImageIndexError(str(error)) from error
