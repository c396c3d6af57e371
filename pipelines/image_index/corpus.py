"""The image corpus as a whole: what its manifest says after each stage, and who may write to it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from kc_schema.files import take_lock
from kc_schema.image_manifest import ImageManifest, read_image_manifest, write_image_manifest
from kc_schema.snapshot import Part, Snapshot, SnapshotError
from pipelines.image_index.encoding.encode import encoded_states
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetching.fetch import fetched_states
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import Plan
from pipelines.image_index.vector_index.description import read_description

__all__ = ["described_encoder", "fetched_source", "lock_images", "planned_part_bits", "write_manifest"]

States = Mapping[int, Mapping[str, Any]]


@contextlib.contextmanager
def lock_images(layout: Layout) -> Iterator[None]:
    """Keeps a second build out of the image corpus until the block ends.

    Raises:
        ImageIndexError: another process builds there now, or the folder cannot be written.
    """
    try:
        layout.state.mkdir(parents=True, exist_ok=True)
        file = take_lock(layout.state / "lock")
    except BlockingIOError as error:
        raise ImageIndexError(
            f"{layout.images}: another build is writing there; wait for it or stop it"
        ) from error
    except OSError as error:
        raise ImageIndexError(f"{layout.images}: cannot be written ({error.strerror})") from error
    with file:
        for path in layout.images.rglob(".*.tmp"):  # what a killed build was just writing
            path.unlink()
        yield


def planned_part_bits(layout: Layout) -> int | None:
    """Gives into how many parts the corpus is cut already (``2 ** bits``); None before its first build."""
    try:
        return _manifest(layout).part_bits
    except ImageIndexError:
        return None


def fetched_source(layout: Layout) -> dict[str, Any]:
    """Gives what the manifest keeps of where images were fetched from.

    Raises:
        ImageIndexError: nothing was fetched yet.
    """
    return _manifest(layout).source


def described_encoder(layout: Layout) -> dict[str, Any]:
    """Gives what the manifest keeps of the encoder.

    Raises:
        ImageIndexError: nothing was encoded yet.
    """
    encoder = _manifest(layout).encoder
    if not encoder:
        raise ImageIndexError(
            f"{layout.images}: no images are encoded yet; run python -m pipelines.build_image_kc --kc {layout.kc}"
            " --stage encode"
        )
    return encoder


def _manifest(layout: Layout) -> ImageManifest:
    try:
        return read_image_manifest(layout.kc)
    except SnapshotError as error:
        raise ImageIndexError(str(error)) from error


def write_manifest(
    layout: Layout,
    snapshot: Snapshot,
    plan: Plan,
    *,
    source: dict[str, Any],
    encoder: dict[str, Any] | None,
) -> ImageManifest:
    """Writes the manifest of what is finished and current now."""
    records = fetched_states(layout, plan)
    embeddings = encoded_states(layout, records, encoder["fingerprint"]) if encoder else {}
    tables = {"articles": [Part(**part) for part in plan.parts]}
    for table, states in (("records", records), ("embeddings", embeddings)):
        if len(states) == len(plan.planned):
            tables[table] = [Part(**states[number]["parts"][0]) for number in sorted(states)]
    index = read_description(layout) if "embeddings" in tables else None
    manifest = ImageManifest(
        snapshot=snapshot.fingerprint,
        source=source,
        part_bits=plan.part_bits,
        tables=tables,
        encoder=encoder if encoder and "embeddings" in tables else {},
        index={name: index[name] for name in ("factory", "vectors")} if index else {},
        counts={
            **plan.counts,
            "images": _total(records.values(), "ok"),
            "bytes of images": _total(records.values(), "bytes"),
            "images encoded": sum(state["parts"][0]["rows"] for state in embeddings.values()),
        },
        drops={
            **plan.drops,
            "images": _reasons(records.values()),
            "encoded images": _reasons(embeddings.values()),
        },
        versions={name: version(name) for name in ("pillow", "pyarrow")},
    )
    write_image_manifest(layout.kc, manifest)
    return manifest


def _total(states: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(state[name] for state in states)


def _reasons(states: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for state in states:
        reasons.update(state["failed"])
    return dict(sorted(reasons.items()))
