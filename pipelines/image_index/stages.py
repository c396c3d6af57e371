"""The stages of the image corpus, one after another: fetch, encode, index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kc_schema.image_manifest import ImageManifest
from kc_schema.snapshot import Snapshot
from pipelines.image_index.corpus import described_encoder, fetched_source, planned_part_bits, write_manifest
from pipelines.image_index.encoding.encode import EncodeOptions, embeddings_of, encode, encoded_states
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetching.fetch import (
    FetchOptions,
    check_source,
    fetch,
    fetched_states,
    needs_fetching,
)
from pipelines.image_index.fetching.transport import split_credentials
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import IMAGES_PER_PART, Plan, make_plan
from pipelines.image_index.vector_index.build import IndexOptions, build_index, index_is_current

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["STAGES", "build_image_corpus"]

STAGES = ("fetch", "encode", "index")


def build_image_corpus(
    layout: Layout,
    snapshot: Snapshot,
    *,
    stages: Sequence[str] = STAGES,
    kinds: Sequence[str],
    limit: int | None = None,
    fetching: FetchOptions,
    encoding: EncodeOptions,
    encoder_options: dict[str, Any],
    indexing: IndexOptions,
    images_per_part: int = IMAGES_PER_PART,
    console: Console,
) -> ImageManifest:
    """Runs the stages, each unless what it makes is there and current; gives the manifest.

    Args:
        encoder_options: the arguments of `pipelines.image_index.encoding.encoder.open_encoder`.

    Raises:
        ImageIndexError: a stage failed, or one before it was not run.
        RunError: the pipeline that fills shards failed.
    """
    source: dict[str, Any] = {
        "images": split_credentials(fetching.images)[0] if fetching.is_address else fetching.images,
        "wiki": fetching.wiki,
        "width": fetching.width,
        "types": sorted(kinds),
        **({} if limit is None else {"limit": limit}),
    }
    if "fetch" not in stages:  # the later stages go on with what was fetched, from wherever
        source = fetched_source(layout)
    plan = make_plan(
        snapshot,
        layout,
        kinds=source["types"],
        part_bits=planned_part_bits(layout),
        limit=source.get("limit"),
        images_per_part=images_per_part,
    )
    encoder = _encoder_there(layout)
    if "fetch" in stages:
        check_source(layout, plan, fetching)
        if not needs_fetching(layout, plan, fetching):  # what is there came from where it came from
            source["images"] = _images_there(layout) or source["images"]
    network = None
    if "encode" in stages:
        if "fetch" not in stages:
            _all_records(layout, plan)
        network = _open_encoder(
            encoder_options, console
        )  # its weights may be missing: say so before hours of fetching
    if "fetch" in stages:
        _say(console, f"{plan.files:,} files in {_counted(len(plan.planned), 'part')}")
        try:
            fetch(layout, plan, fetching, console)
        finally:
            write_manifest(layout, snapshot, plan, source=source, encoder=encoder)
    if network is not None:
        encode(layout, _all_records(layout, plan), network, encoding, console)
        encoder = network.describe()
        write_manifest(layout, snapshot, plan, source=source, encoder=encoder)
    if "index" in stages:
        _index(layout, plan, indexing, console)
    return write_manifest(layout, snapshot, plan, source=source, encoder=encoder)


def _open_encoder(options: dict[str, Any], console: Console) -> Encoder:
    from pipelines.image_index.encoding.encoder import open_encoder

    encoder = open_encoder(**options)
    _say(console, f"encoder {encoder.name} on {encoder.device_name}, {encoder.dimension} numbers a vector")
    return encoder


def _index(layout: Layout, plan: Plan, options: IndexOptions, console: Console) -> None:
    """Indexes what was encoded, unless the index is there and current."""
    encoder = described_encoder(layout)
    states = encoded_states(layout, _all_records(layout, plan), encoder["fingerprint"])
    if len(states) < len(plan.planned):
        raise ImageIndexError(
            f"{layout.images}: {len(states)} of {len(plan.planned)} parts are encoded; run"
            f" python -m pipelines.build_image_kc --kc {layout.kc} --stage encode"
        )
    embeddings = embeddings_of(layout, states, encoder["dimension"])
    if index_is_current(layout, embeddings, options):
        _say(console, f"{layout.index}: the index is there and current")
    else:
        build_index(layout, embeddings, encoder, options, lambda line: _say(console, line))


def _all_records(layout: Layout, plan: Plan) -> dict[int, dict[str, Any]]:
    records = fetched_states(layout, plan)
    if len(records) < len(plan.planned):
        raise ImageIndexError(
            f"{layout.images}: {len(records)} of {len(plan.planned)} parts are fetched; run"
            f" python -m pipelines.build_image_kc --kc {layout.kc} --stage fetch"
        )
    return records


def _encoder_there(layout: Layout) -> dict[str, Any] | None:
    try:
        return described_encoder(layout)
    except ImageIndexError:
        return None


def _images_there(layout: Layout) -> str | None:
    try:
        return str(fetched_source(layout)["images"])
    except ImageIndexError:  # killed before the manifest was written
        return None


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
