"""The stages of the image corpus, one after another: fetch, encode, index; and what the corpus then holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Literal, Protocol

from rich.console import Console

from kc_schema.errors import UsageError
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
from pipelines.engine import Engine, timed
from pipelines.image_index.encoding.encode import (
    VECTOR_LOST,
    Encode,
    all_fetched,
    encoded_parts,
    kept_encoder,
)
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.encoding.ready_vectors import (
    ReadyVectorOptions,
    ReadyVectors,
    forget_vectors,
    ready_images,
    take_vectors,
    taken_vectors,
)
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetching.fetch import (
    Fetch,
    FetchOptions,
    GivenVectors,
    fetched_parts,
    nothing_refused,
)
from pipelines.image_index.file_names import wiki_folder
from pipelines.image_index.layout import FetchedPart, Layout
from pipelines.image_index.licences.stage import (
    LicenceOptions,
    LicencePart,
    Licences,
    licence_parts,
    refused_images,
)
from pipelines.image_index.plan import IMAGES_PER_PART, Plan, make_plan, with_rights, with_vectors
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

    def run(self) -> int:
        """Make it; what a run that was stopped had made is kept and used; return how many images there were."""


def build_image_corpus(
    snapshot: Snapshot,
    *,
    stages: Sequence[str] = STAGES,
    fetching: FetchOptions,
    encoding: EncodeOptions,
    indexing: IndexOptions,
    engine: Engine,
    console: Console,
    licensing: LicenceOptions | None = None,
    vectors: ReadyVectorOptions | None = None,
    images_per_part: int = IMAGES_PER_PART,
) -> ImageManifest:
    """Run the stages, each unless what it makes is there and current; return the manifest.

    Raises:
        UsageError: vectors are given, and images are not fetched in this run.
        ImageIndexError: a stage failed, or one before it was not run.
        kc_schema.store.PlaceBusyError: another build is writing there.
        pipelines.engine.RunError: the steps of a stage failed.
    """
    layout = Layout(snapshot.folder)
    wiki = wiki_folder(snapshot.manifest.dump.get("wiki", "enwiki"))
    with layout.place() as place, engine.writing(layout.images, partial(_say, console)):
        kept = _read_kept(layout)
        # The later stages go on with what was fetched, from wherever.
        licensing = licensing or LicenceOptions()
        new = "fetch" in stages or (kept is None and "licences" in stages)
        source = fetching.source(wiki) if new else _fetched_source(layout)
        if "fetch" in stages:
            source = replace(source, licences=licensing.licences)
        plan = make_plan(
            snapshot,
            layout,
            kinds=source.types,
            limit=source.limit,
            part_bits=kept.part_bits if kept else None,
            images_per_part=images_per_part,
        )
        base = str(snapshot.manifest.dump.get("base", ""))
        asking = replace(fetching, repository=_asked(source, fetching, stages))
        licences = Licences(layout, plan, licensing, asking, base, console)
        every = plan
        if "licences" in stages or ("fetch" in stages and source.licences is not None):
            licences.check()
            if not licences.is_current():
                try:
                    _run(licences, "licences", layout)
                finally:
                    _commit(place, layout, snapshot, with_conditions(layout, every, source), source, every)
        given = _given_vectors(layout, every, vectors, encoding, source, stages)
        plan = with_conditions(layout, every, source)
        refused = nothing_refused
        if source.licences is not None:
            refused = partial(refused_images, layout, licences=source.licences)
        made: dict[str, Stage] = {
            "fetch": Fetch(layout, plan, fetching, wiki, engine, console, refused, given),
            "encode": Encode(
                layout, plan, encoding, engine.workers, console, None if engine.local else engine
            ),
            "index": Index(layout, plan, indexing, engine, console),
        }
        if kept and kept.source and made["fetch"].is_current():
            source = replace(source, images=kept.source.images)
        chosen = {name: made[name] for name in stages if name in made}
        for stage in chosen.values():
            stage.check()
        for name, stage in chosen.items():
            if not stage.is_current():
                try:
                    _run(stage, name, layout)
                finally:
                    _commit(place, layout, snapshot, plan, source, every)
        return _commit(place, layout, snapshot, plan, source, every)


def _run(stage: Stage, name: str, layout: Layout) -> None:
    with timed(layout.kc, f"images: {name}", "images") as time_of:
        time_of.done = stage.run()


def _given_vectors(
    layout: Layout,
    every: Plan,
    vectors: ReadyVectorOptions | None,
    encoding: EncodeOptions,
    source: ImageSource,
    stages: Sequence[str],
) -> GivenVectors:
    """Take the vectors that are given, and return which images they spare; or which were spared before."""
    if (
        vectors is not None
        and not vectors.embeddings
        and (vectors.embeddings_encoder or vectors.embeddings_sha256)
    ):
        raise UsageError(
            "--embeddings-encoder and --embeddings-sha256 say who made --embeddings FILE: give it, too"
        )
    if vectors is not None and vectors.embeddings:
        if "fetch" not in stages:
            raise UsageError(
                "--embeddings says which images need not be fetched: give it without --stage, or with --stage fetch"
            )

        def is_finished(taken: ReadyVectors) -> bool:
            described = kept_encoder(layout)
            if described is None:
                return False
            fetched = fetched_parts(layout, with_conditions(layout, every, source))
            parts = encoded_parts(layout, fetched, described.fingerprint)
            lost = any(VECTOR_LOST in part.failed for part in parts.values())
            return len(parts) == len(taken.parts) and not lost

        there = None if encoding.overwrite else kept_encoder(layout)
        taken = take_vectors(vectors, layout, every, there, is_finished=is_finished)
        return GivenVectors(partial(ready_images, layout), taken.parts)
    if encoding.overwrite and {"fetch", "encode"} <= set(stages) and not encoding.encodes_nothing:
        forget_vectors(layout)
        return GivenVectors(replaced=True)
    before = taken_vectors(layout)
    return GivenVectors(partial(ready_images, layout), before.parts if before is not None else ())


def _commit(
    place: Place, layout: Layout, snapshot: Snapshot, plan: Plan, source: ImageSource, every: Plan
) -> ImageManifest:
    manifest = describe_corpus(layout, snapshot.fingerprint, plan, source, every)
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

    def run(self) -> int:
        """Build the index; return how many vectors it holds.

        Raises:
            ImageIndexError: nothing was encoded, not all of it, or there is no such index.
        """
        embeddings, encoder = self._embeddings()
        return build_index(self.layout, embeddings, encoder, self.options, self.engine, self._say).vectors

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
        _say(self.console, line)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def with_conditions(layout: Layout, plan: Plan, source: ImageSource) -> Plan:
    """Return the plan under the rights that the source names, and with the vectors that were given.

    Its parts are had again where these have changed.
    """
    if (taken := taken_vectors(layout)) is not None and len(taken.parts) == len(plan.planned):
        plan = with_vectors(plan, taken.parts)
    if source.licences is not None:
        parts = licence_parts(layout, plan)
        known = {number: part.part.sha256 for number, part in sorted(parts.items())}
        return with_rights(plan, source.repository, source.licences, known)
    # Without conditions, as all corpora of versions before: what they hold stays as it is.
    return plan if source.repository == "all" else with_rights(plan, source.repository)


def _asked(source: ImageSource, fetching: FetchOptions, stages: Sequence[str]) -> Literal["commons", "all"]:
    """Return which repositories have the images: those that are asked now, or were when they were fetched."""
    if "fetch" in stages:
        return fetching.repository
    return "all" if "all" in (source.repository, fetching.repository) else "commons"


def describe_corpus(
    layout: Layout, snapshot: str, plan: Plan, source: ImageSource, every: Plan
) -> ImageManifest:
    """Return the manifest of what lies on disk, finished and current.

    Args:
        snapshot: the fingerprint of the snapshot.
        plan, every: the plan under the rights that the source names, and without regard to them.
    """
    fetched = fetched_parts(layout, plan)
    encoder = kept_encoder(layout)
    encoded = encoded_parts(layout, fetched, encoder.fingerprint) if encoder else {}
    tables = {"articles": list(plan.parts)}
    if len(fetched) == len(plan.planned):
        tables["records"] = [fetched[number].part for number in sorted(fetched)]
    if len(encoded) == len(plan.planned):
        tables["embeddings"] = [encoded[number].part for number in sorted(encoded)]
    licensed = licence_parts(layout, every)
    if len(licensed) == len(every.planned):
        tables["licences"] = [licensed[number].part for number in sorted(licensed)]
    index = read_description(layout) if "embeddings" in tables else None
    taken = taken_vectors(layout)
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
            **_by_licence(licensed.values()),
            "bytes of images": sum(part.bytes for part in fetched.values()),
            "images encoded": sum(part.part.rows for part in encoded.values()),
            **_by_vectors(taken, plan, fetched.values()),
        },
        drops={
            **plan.drops,
            **({"given vectors": taken.left_out} if taken is not None else {}),
            "images": _total(part.failed for part in fetched.values()),
            "encoded images": _total(part.failed for part in encoded.values()),
        },
        lost=plan.lost,
        versions={name: version(name) for name in ("pillow", "pyarrow")},
    )


def _by_repository(parts: Iterable[FetchedPart]) -> dict[str, int]:
    names = {"commons": "images of the shared repository", "wiki": "images of the wiki's own repository"}
    found = _total(part.repositories for part in parts)
    return {names[name]: count for name, count in found.items() if name in names}


def _by_vectors(taken: ReadyVectors | None, plan: Plan, parts: Iterable[FetchedPart]) -> dict[str, int]:
    """Return how far the vectors that were given go; nothing where none were."""
    if taken is None:
        return {}
    return {
        "files with a given vector": taken.vectors,
        "files without a given vector": plan.files - taken.vectors,
        "images with a given vector alone": sum(part.vectors for part in parts),
    }


def _by_licence(parts: Iterable[LicencePart]) -> dict[str, int]:
    found = list(parts)
    counts = {f"files, licence {name}": n for name, n in _total(part.licences for part in found).items()}
    statuses = _total(part.statuses for part in found)
    return counts | {f"files, {name}": n for name, n in statuses.items() if name != "ok"}


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
