"""Builds the image corpus: a snapshot's image links become images, vectors and a nearest-neighbour index.

    python -m pipelines.build_image_kc --kc kc --contact you@example.org

Plan, fetch, encode, index: docs/image-corpus.md says what each stage does and what it writes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from rich import box
from rich.console import Console
from rich.table import Table

from kc_schema.command import Command, Positive, given_options, options
from kc_schema.errors import UsageError
from kc_schema.image_manifest import ImageManifest
from kc_schema.snapshot import open_snapshot
from kc_schema.store import to_json
from pipelines.engine import Engine, default_workers
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.encoding.ready_vectors import ReadyVectorOptions
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.licences.stage import LicenceOptions
from pipelines.image_index.stages import STAGES, build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions

EXAMPLES = """\
python -m pipelines.build_image_kc --contact you@example.org --limit 200
python -m pipelines.build_image_kc --images /data/mirror --device cuda
python -m pipelines.build_image_kc --stage licences --contact you@example.org
python -m pipelines.build_image_kc --licences cc0,cc-by,cc-by-sa,public-domain --contact you@example.org
python -m pipelines.build_image_kc --embeddings 'vectors/*.parquet' --images none --encoder none
python -m pipelines.build_image_kc --images /data/mirror --plan
python -m pipelines.build_image_kc --stage index --index IVF4096,SQfp16

The same command goes on after a stop. Options of Apache Beam may follow.
"""


@options
@dataclass(frozen=True, kw_only=True)
class ImageCorpusOptions:
    """What the command takes."""

    kc: Path = Path("kc")
    """The snapshot's folder."""
    stage: Annotated[
        Literal["licences", "fetch", "encode", "index"] | None,
        Parameter(show_default=lambda _: "all but licences"),
    ] = None
    """Run this stage alone."""
    workers: Annotated[Positive | None, Parameter(show_default=lambda _: "one a core")] = None
    """Processes that decode, check and index."""
    plan: Annotated[bool, Parameter(show_default=False)] = False
    """Ask for a sample of the images, encode it, and print what the build will take; nothing is built."""
    json: Annotated[bool, Parameter(show_default=False)] = False
    """Print the manifest (with --plan the estimates) instead of tables."""
    fetching: Annotated[FetchOptions, Parameter(group=Group("Fetch", sort_key=1))] = field(
        default_factory=FetchOptions
    )
    licensing: Annotated[LicenceOptions, Parameter(group=Group("Rights", sort_key=1))] = field(
        default_factory=LicenceOptions
    )
    encoding: Annotated[EncodeOptions, Parameter(group=Group("Encode", sort_key=2))] = field(
        default_factory=EncodeOptions
    )
    vectors: Annotated[ReadyVectorOptions, Parameter(group=Group("Encode", sort_key=2))] = field(
        default_factory=ReadyVectorOptions
    )
    indexing: Annotated[IndexOptions, Parameter(group=Group("Index", sort_key=3))] = field(
        default_factory=IndexOptions
    )

    def unused(self) -> list[str]:
        """Return a line for the options of another stage than the one that is to run alone."""
        lines = []
        for stage, group in (("encode", self.encoding), ("index", self.indexing)):
            names = given_options(group)
            # Vectors that are given are taken while fetching, if they are of the encoder that is asked for.
            takes_vectors = stage == "encode" and self.stage == "fetch" and bool(self.vectors.embeddings)
            if self.stage not in (None, stage) and names and not takes_vectors:
                lines.append(
                    f"{', '.join(names)}: the stage {self.stage} has no use for it; it is for {stage}"
                )
        return lines


def run(given: ImageCorpusOptions, beam_arguments: list[str]) -> None:
    """Build the image corpus and print what it holds; or say what that would take."""
    if given.plan:
        if given.vectors.embeddings:
            raise UsageError(
                "--plan forecasts fetching and encoding, which --embeddings spares: leave one of them out"
            )
        show_plan(given)
        return
    console = Console(stderr=True)
    for line in given.unused():
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
    stages = (given.stage,) if given.stage else STAGES
    snapshot = open_snapshot(given.kc)
    with Engine(given.workers or default_workers(), beam_arguments) as engine:
        if "encode" in stages:
            given.encoding.check_weights()
        manifest = build_image_corpus(
            snapshot,
            stages=stages,
            fetching=given.fetching,
            encoding=given.encoding,
            indexing=given.indexing,
            licensing=given.licensing,
            vectors=given.vectors,
            engine=engine,
            console=console,
        )
    if given.json:
        print(manifest.to_json(), end="")
    else:
        show_summary(Console(), given.kc, manifest)


def show_plan(given: ImageCorpusOptions) -> None:
    """Print what the build would take.

    Raises:
        UserError: no snapshot, no images or no encoder to measure.
    """
    from pipelines.forecast.images import forecast_images
    from pipelines.forecast.report import show_image_forecast

    workers = given.workers or default_workers()
    forecast = forecast_images(open_snapshot(given.kc), given.fetching, given.encoding, workers=workers)
    if given.json:
        print(to_json(forecast), end="")
    else:
        show_image_forecast(Console(), forecast)


def show_summary(console: Console, kc: Path, manifest: ImageManifest) -> None:
    """Print what the image corpus of the snapshot in `kc` holds, and what was left out and why."""
    source = manifest.source
    line = f"\n{kc / 'images'}: images of {source.wiki} from {source.images}"
    console.print(line, markup=False, highlight=False, soft_wrap=True, style="bold")
    tables = _grid("Tables", "table", "rows", "parts", "MB")
    for name, parts in sorted(manifest.tables.items()):
        size = sum(part.bytes for part in parts) / 1e6
        tables.add_row(name, f"{manifest.rows(name):,}", str(len(parts)), f"{size:,.1f}")
    if manifest.index:
        tables.add_row(f"index ({manifest.index.factory})", f"{manifest.index.vectors:,}", "1", "")
    counts = _grid("Counts", "what", "count")
    for name, count in sorted(manifest.counts.items()):
        counts.add_row(name, f"{count:,}")
    drops = _grid("Left out", "what and why", "count")
    for what, reasons in manifest.drops.items():
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            drops.add_row(f"{what}: {reason}", f"{count:,}")
    console.print(tables, counts, drops)
    if manifest.encoder:
        console.print(f"encoder {manifest.encoder.name}, weights {manifest.encoder.weights_sha256[:16]}")


def _grid(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


main = Command(
    "pipelines.build_image_kc",
    "Build the image corpus of a text corpus.",
    ImageCorpusOptions,
    run,
    EXAMPLES,
    beam=True,
    extra="image",
)

if __name__ == "__main__":
    sys.exit(main())
