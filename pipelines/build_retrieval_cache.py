"""Builds a retrieval cache: evidence and features for every example of a data set, as training reads them.

    python -m pipelines.build_retrieval_cache --kc kc --dataset twitter17 --data data/twitter17 \\
        --sources text,image,random_text,random_image --output caches/twitter17

Read the data set, ask the sources, choose what is kept, write, report: docs/retrieval-cache.md says what each
step does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from rich.console import Console

from kc_schema.command import Command, Positive, given_options, options, printable
from kc_schema.retrieval_cache import REPORT
from pipelines.datasets import Dataset, DatasetOptions, ImageFolder, keep_readable_images
from pipelines.engine import Engine, Progress, StageTimes, default_workers
from pipelines.evidence import EvidenceError
from pipelines.evidence.build import CacheBuild, build_cache, find_finished
from pipelines.evidence.corpora import Corpora
from pipelines.evidence.options import EvidenceOptions, Settings
from pipelines.evidence.report import describe_empty_sources, show_report
from pipelines.evidence.speed import StepSpeed, measure_speeds, show_speeds, write_speeds
from pipelines.text_index.options import SearchOptions

EXAMPLES = """\
python -m pipelines.build_retrieval_cache --kc kc --dataset twitter17 --data data/twitter17 \\
    --sources text,image,random_text,random_image --output caches/twitter17
python -m pipelines.build_retrieval_cache --kc kc --dataset mnre --data data/mnre --sources text,captions \\
    --evidence captions=captions.jsonl --clean-query --k 10 --k captions=3 --output caches/mnre

A build that was stopped, by whatever, goes on when the same command is run again. Options of Apache Beam may follow.
"""


@options
@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """What encodes the examples."""

    encoder: str | None = None
    """Makes the features. [default: the image index' own, where a source or option needs one]"""
    encoder_cache: Path | None = None
    """Folder of downloaded weights."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


@options
@dataclass(frozen=True, kw_only=True)
class CacheOptions:
    """What the command takes."""

    read: Annotated[DatasetOptions, Parameter(group=Group("Data set", sort_key=1))]
    ask: Annotated[EvidenceOptions, Parameter(group=Group("Evidence", sort_key=2))]
    output: Path
    """The cache's folder."""
    overwrite: bool = False
    """Replace a cache made from something else."""
    limit: Positive | None = None
    """Only the first examples of each split, to try things out. [default: all]"""
    json: bool = False
    """Print report and speeds as JSON, not as tables."""
    search: Annotated[SearchOptions, Parameter(group=Group("Text index", sort_key=4))] = field(
        default_factory=SearchOptions
    )
    encode: Annotated[EncoderOptions, Parameter(group=Group("Images", sort_key=5))] = field(
        default_factory=EncoderOptions
    )


def run(given: CacheOptions, beam_arguments: Sequence[str]) -> None:
    """Build the cache that the options name, and print what it is worth."""
    with Engine(default_workers(), beam_arguments) as engine:
        _run(given, engine, Console(stderr=True))


def _run(given: CacheOptions, engine: Engine, console: Console) -> None:
    dataset = given.read.read()
    if given.limit is not None:
        dataset.cut(given.limit)
    # CacheOptions and corpora come first: whoever mistypes one should not wait for thousands of images.
    settings = given.ask.settings(given.search.max_document_frequency)
    encodes = settings.needs_encoder or given.encode.encoder is not None
    unused = [] if encodes else given_options(given.encode)
    if unused:
        tell(console, f"note: {' and '.join(unused)}: nothing is encoded for these sources")
    named = given.ask.named(dataset.splits)
    with open_corpora(given, settings, console) as corpora:
        corpora.check()
        times = StageTimes()
        with times.turn("look at images", "images") as time_of:
            images = look_at_images(dataset, given.read.image_folder, settings, console)
            time_of.done += sum(map(len, images.values()))
        cropper = given.ask.cropper({name for paths in images.values() for name in paths})
        build = CacheBuild(given.output, dataset, images, corpora, cropper, named, given.limit, times)
        if find_finished(build, overwrite=given.overwrite) is not None:
            tell(console, f"{given.output}: the cache is there already")
            report, speeds = json.loads((given.output / REPORT).read_text(encoding="utf-8")), []
        else:
            report = build_with_progress(build, engine, console)
            speeds = measure_speeds(build)
            write_speeds(build, speeds)
    for line in describe_empty_sources(report, settings):
        tell(console, f"note: {line}")
    show(report, speeds, as_json=given.json)


def open_corpora(given: CacheOptions, settings: Settings, console: Console) -> Corpora:
    """Return the corpora that the options name; none is opened yet."""
    return Corpora(
        given.search,
        settings,
        encoder_spec=given.encode.encoder,
        encoder_cache=given.encode.encoder_cache,
        device=given.encode.device,
        tell=lambda line: tell(console, line),
    )


def look_at_images(
    dataset: Dataset, place: Path, settings: Settings, console: Console
) -> Mapping[str, Mapping[str, Path]]:
    """Return split -> image name -> file; examples whose image is missing or broken lose it, and are counted.

    Raises:
        EvidenceError: a source asks by the examples' images, and there is not one.
    """
    folder = ImageFolder(place)
    total = sum(map(len, dataset.splits.values()))
    with Progress(console, "Look at images", total, unit="examples") as progress:
        images = keep_readable_images(
            dataset, folder, (lambda done, _: progress.show(done)) if len(folder) else None
        )
    lost = {name: sum(dataset.quirks.of(name, split) for split in dataset.splits) for name in _LOSSES}
    counts = ", ".join(f"{count:,} examples: {name}" for name, count in lost.items() if count)
    asking = settings.asking_by_image
    if asking and not any(images.values()):
        raise EvidenceError(
            f"{place}: not one of {total:,} examples has a picture there ({counts or 'none of them names one'}), and"
            f" {', '.join(asking)} asks by pictures; say with --images where they are, or leave it out"
        )
    if counts:
        tell(console, f"{place}: {counts}")
    return images


_LOSSES = ("image missing", "image broken")


def build_with_progress(build: CacheBuild, engine: Engine, console: Console) -> dict[str, Any]:
    """Build the cache; return its report."""
    total = sum(map(len, build.dataset.splits.values()))
    with Progress(console, "Find evidence", total, unit="examples") as progress:
        cache, report = build_cache(build, lambda done, source: progress.show(done, detail=source), engine)
    size = f"{sum(cache.manifest['splits'].values()):,} examples, {', '.join(cache.sources)}"
    tell(console, f"{build.output}: {size}")
    return report


def tell(console: Console, line: str) -> None:
    """Print a line as it is."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show(report: dict[str, Any], speeds: list[StepSpeed], *, as_json: bool) -> None:
    """Print report and speeds."""
    if as_json:
        content = {"report": report, "speeds": [asdict(speed) for speed in speeds]}
        print(json.dumps(content, ensure_ascii=False))
    else:
        show_report(Console(), report)
        show_speeds(Console(), speeds)


main = Command(
    "pipelines.build_retrieval_cache",
    "Find the evidence for every example of a data set.",
    CacheOptions,
    run,
    examples=EXAMPLES,
    beam=True,
    extra="image",
)

if __name__ == "__main__":
    sys.exit(main())
