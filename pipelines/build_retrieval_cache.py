"""Builds a retrieval cache: evidence and features for every example of a data set, as training reads them.

    python -m pipelines.build_retrieval_cache --kc kc --dataset twitter17 --data data/twitter17 \\
        --sources text,image,random_text,random_image --output caches/twitter17

Read the data set, ask the sources, choose what is kept, write, report: docs/retrieval-cache.md says what each
step does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import SPEED, CacheError
from kc_schema.snapshot import SnapshotError
from pipelines.command_line import CommandParser, add_network_options, add_search_options, search_options
from pipelines.datasets.errors import DatasetError
from pipelines.datasets.images import ImageFolder, keep_readable_images
from pipelines.datasets.options import add_dataset_options, read_chosen_dataset
from pipelines.datasets.records import Dataset
from pipelines.engine import Progress
from pipelines.image_index.errors import ImageIndexError
from pipelines.retrieval.building import Build, build_cache, chunks_of
from pipelines.retrieval.chunks import Chunk, encode_examples
from pipelines.retrieval.corpora import Corpora
from pipelines.retrieval.display import BuildProgress, show_report, show_speeds
from pipelines.retrieval.errors import RetrievalError
from pipelines.retrieval.options import add_evidence_options, read_cropper, read_named, read_settings
from pipelines.retrieval.output import REPORT, find_finished
from pipelines.retrieval.settings import DEFAULT_K, Settings
from pipelines.retrieval.speed import SAMPLE, Speed, measure
from pipelines.text_index.protocol import TextIndexError

EXAMPLE = """\
examples:
  python -m pipelines.build_retrieval_cache --kc kc --dataset twitter17 --data data/twitter17 \\
      --sources text,image,random_text,random_image --output caches/twitter17
  python -m pipelines.build_retrieval_cache --kc kc --dataset mnre --data data/mnre --sources text,captions \\
      --evidence captions=captions.jsonl --clean-query --k 10 --k captions=3 --output caches/mnre

A build that was stopped, by whatever, goes on when the same command is run again.
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Gives the command's options."""
    parser = CommandParser(
        "pipelines.build_retrieval_cache",
        "Ask the corpora for evidence for every example of a data set, and write a cache of it.",
        EXAMPLE,
    )
    add_dataset_options(parser)
    add_evidence_options(parser)
    add_search_options(parser)
    images = parser.add_argument_group("images")
    images.add_argument(
        "--encoder",
        metavar="SPEC",
        help="makes the features (default: the image index' own, where a source or option needs one)",
    )
    add_network_options(images)
    parser.add_argument("--output", required=True, metavar="DIR", help="the cache's folder")
    parser.add_argument("--overwrite", action="store_true", help="replace a cache made from something else")
    parser.add_argument("--json", action="store_true", help="print report and speeds as JSON, not as tables")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = parse_arguments(argv)
    console = Console(stderr=True)
    try:
        report, speeds = run(arguments, console)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where this one was")
        return 130
    except (
        CacheError,
        DatasetError,
        ImageIndexError,
        RetrievalError,
        SnapshotError,
        TextIndexError,
    ) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    if arguments.json:
        print(
            json.dumps(
                {"report": report, "speeds": [dataclasses.asdict(speed) for speed in speeds]},
                ensure_ascii=False,
            )
        )
    else:
        show_report(Console(), report)
        show_speeds(Console(), speeds)
    return 0


def run(arguments: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[Speed]]:
    """Reads, builds, reports; gives the report, and the speeds where something was built."""
    dataset = read_chosen_dataset(arguments)
    # Options and corpora come first: whoever mistypes one should not wait for thousands of images.
    settings = read_settings(arguments)
    named, named_counts = read_named(arguments, dataset.splits)
    output = Path(arguments.output)
    with open_corpora(arguments, settings) as corpora:
        corpora.snapshots()
        images = look_at_images(dataset, arguments, console)
        cropper = read_cropper(arguments, {name for paths in images.values() for name in paths})
        settings = dataclasses.replace(settings, objects=cropper.describe())
        build = Build(output, dataset, images, settings, corpora, cropper, named, named_counts)
        made_from = build.manifest_settings()
        if find_finished(output, made_from, overwrite=arguments.overwrite) is not None:
            console.print(f"{output}: the cache is there already", markup=False, highlight=False)
            return json.loads((output / REPORT).read_text(encoding="utf-8")), []
        with BuildProgress(console) as progress:
            cache, report = build_cache(build, made_from, progress.update)
        size = f"{sum(cache.manifest['splits'].values()):,} examples, {', '.join(cache.sources)}"
        console.print(f"{output}: {size}", markup=False, highlight=False)
        speeds = measure_speeds(build)
        text = json.dumps({"speeds": [dataclasses.asdict(speed) for speed in speeds]})
        write_atomically(output / SPEED, lambda path: path.write_text(text, encoding="utf-8"))
        return report, speeds


def look_at_images(
    dataset: Dataset, arguments: argparse.Namespace, console: Console
) -> Mapping[str, Mapping[str, Path]]:
    """Gives split -> image name -> file; examples whose image is missing or broken lose it, and are counted."""
    folder = ImageFolder(Path(arguments.images or arguments.data))
    with Progress(console, "Look at images", len(folder), unit="images") as progress:
        images = keep_readable_images(
            dataset, folder, (lambda done, _: progress.show(done)) if len(folder) else None
        )
    lost = {name: sum(dataset.quirks.of(name, s) for s in dataset.splits) for name in _LOSSES}
    if any(lost.values()):
        counts = ", ".join(f"{count:,} examples: {name}" for name, count in lost.items() if count)
        console.print(f"{folder.folder}: {counts}", markup=False, highlight=False)
    return images


_LOSSES = ("image missing", "image broken")


def open_corpora(arguments: argparse.Namespace, settings: Settings) -> Corpora:
    """Gives the corpora that the options name; none is opened yet."""
    return Corpora(
        Path(arguments.kc),
        settings,
        cluster=search_options(arguments).cluster.connection(),
        index_prefix=arguments.index_prefix or "kc",
        encoder_spec=arguments.encoder,
        encoder_cache=Path(arguments.encoder_cache) if arguments.encoder_cache else None,
        device=arguments.device,
    )


def measure_speeds(build: Build) -> list[Speed]:
    """Gives the speeds of features, text retrieval and image retrieval, as far as the cache uses them."""
    split = next(iter(build.dataset.splits))
    chunk = next(chunks_of(build, split))
    places = list(range(min(SAMPLE, len(chunk.examples))))
    corpora, sources = build.corpora, build.settings.sources
    steps: dict[str, Callable[[Sequence[int]], object]] = {}
    if corpora.has_encoder:
        steps["features (text and image)"] = lambda some: encode_examples(corpora.encoder, chunk.only(some))
    if "text" in sources:
        k = sources["text"].candidates
        queries = chunk.queries
        steps["text retrieval"] = lambda some: corpora.text_index.search([queries[p] for p in some], k)
    if build.settings.needs("sentence_image", "image", "object"):
        vectors = _vectors(build, chunk, places)
        if len(vectors):
            steps["image retrieval"] = lambda some: corpora.images.index.search(
                vectors[list(some)], DEFAULT_K
            )
    return measure(steps, places)


def _vectors(build: Build, chunk: Chunk, places: Sequence[int]) -> npt.NDArray[np.float32]:
    """Gives a vector a place to search images by, those of images where there are any."""
    table = encode_examples(build.corpora.encoder, chunk.only(places))
    columns = [table.column(name).drop_null().to_pylist() for name in ("image_vector", "text_vector")]
    known: list[Any] = next((vectors for vectors in columns if vectors), [])
    return np.array([known[place % len(known)] for place in places] if known else [], np.float32)


if __name__ == "__main__":
    sys.exit(main())
