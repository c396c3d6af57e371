"""The command-line options that decide the evidence."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from kc_schema.retrieval_cache import Example
from kc_schema.snapshot import checksum
from pipelines.retrieval.crops import Cropper, read_boxes, read_crops
from pipelines.retrieval.errors import RetrievalError
from pipelines.retrieval.evidence import Evidence
from pipelines.retrieval.named_source import read_evidence
from pipelines.retrieval.settings import BUILT_IN, RETRIEVED, Settings, SourceSettings, with_defaults

__all__ = ["add_evidence_options", "evidence_files", "read_cropper", "read_named", "read_settings"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


def add_evidence_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    group = parser.add_argument_group("evidence")
    group.add_argument(
        "--sources",
        required=True,
        metavar="NAME,...",
        help=f"what to ask: {', '.join(BUILT_IN)}, or names given with --evidence",
    )
    group.add_argument(
        "--evidence",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="evidence from elsewhere as one more source: JSONL or Parquet with example_id or image, and text;"
        " may be repeated",
    )
    each = "a number for all sources, or SOURCE=NUMBER; may be repeated"
    for name, what in (
        ("--k", "hits an example, at most (default: 10)"),
        ("--minimum-score", "leave out hits that score less (default: keep all)"),
        ("--per-title", "hits of one article, at most, 0 for any number (default: 1 from images, else 0)"),
        (
            "--candidates",
            "hits to ask for, of which k are kept (default: k, or 4 k where hits may go or move)",
        ),
    ):
        group.add_argument(name, action="append", default=[], metavar="N", help=f"{what}; {each}")
    group.add_argument(
        "--clean-query",
        action="store_true",
        help="ask without URLs, 'RT @user :' and hash signs (default: the sentence as written)",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the random sources (default: 0)")
    group.add_argument(
        "--rerank-by-image",
        action="store_true",
        help="move up evidence that agrees with the example's image in CLIP space",
    )
    group.add_argument(
        "--rerank-by-sources",
        action="store_true",
        help="move up evidence from articles that other sources found, too",
    )
    group.add_argument(
        "--drop-near-duplicates",
        action="store_true",
        help="leave out evidence that nearly repeats better evidence of its source",
    )
    group.add_argument(
        "--mark-leaks", action="store_true", help="mark hits that contain the query itself (column leak)"
    )
    crops = parser.add_argument_group("crops of the source object").add_mutually_exclusive_group()
    crops.add_argument("--boxes", metavar="FILE", help="JSONL: image and its boxes, in pixels")
    crops.add_argument("--crops", metavar="DIR", help="crops that the data set brings")
    crops.add_argument("--grid", type=_grid, metavar="ROWSxCOLUMNS", help="equal parts (default: 2x2)")


def _grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLUMNS, such as 2x2")
    return int(match[1]), int(match[2])


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Gives the settings that the options ask for, but for the description of the crops.

    Raises:
        RetrievalError: a source that is not there, or numbers that make no sense.
    """
    names = list(dict.fromkeys(name.strip() for name in arguments.sources.split(",") if name.strip()))
    files = evidence_files(arguments)
    for name in names:
        if name not in BUILT_IN and name not in files:
            raise RetrievalError(
                f"--sources: {name!r} is none of {', '.join(BUILT_IN)}; evidence from elsewhere needs"
                f" --evidence {name}=FILE"
            )
    unused = sorted(set(files) - set(names))
    if not names or unused:
        what = f"--evidence {unused[0]}=... is not among --sources" if unused else "--sources names none"
        raise RetrievalError(what)
    if "object" not in names and (arguments.boxes or arguments.crops or arguments.grid):
        raise RetrievalError("--boxes, --crops and --grid go with the source object")
    return Settings(
        sources=_sources(arguments, names),
        clean_query=arguments.clean_query,
        seed=arguments.seed,
        rerank_by_image=arguments.rerank_by_image,
        rerank_by_sources=arguments.rerank_by_sources,
        drop_near_duplicates=arguments.drop_near_duplicates,
        mark_leaks=arguments.mark_leaks,
        max_document_frequency=arguments.max_document_frequency,
        evidence={name: checksum(path) for name, path in sorted(files.items())},
    )


def _sources(arguments: argparse.Namespace, names: list[str]) -> dict[str, SourceSettings]:
    ks = _numbers("--k", arguments.k, names)
    minima = _numbers("--minimum-score", arguments.minimum_score, names, whole=False)
    per_title = _numbers("--per-title", arguments.per_title, names)
    candidates = _numbers("--candidates", arguments.candidates, names)
    moved = arguments.rerank_by_image or arguments.rerank_by_sources or arguments.drop_near_duplicates
    if moved and not any(name in RETRIEVED for name in names):
        raise RetrievalError(
            f"re-ranking and dropping near-duplicates are for {', '.join(RETRIEVED)}; --sources has none of them"
        )
    if arguments.rerank_by_sources and sum(name in RETRIEVED for name in names) < 2:
        raise RetrievalError(f"--rerank-by-sources needs two of {', '.join(RETRIEVED)}")
    return {
        name: with_defaults(
            name,
            k=int(ks.get(name, 10)),
            minimum_score=minima.get(name),
            per_title=None if name not in per_title else int(per_title[name]),
            candidates=None if name not in candidates else int(candidates[name]),
            thinned=moved,
        )
        for name in names
    }


def _numbers(option: str, given: list[str], names: list[str], *, whole: bool = True) -> dict[str, float]:
    """Gives source -> number; a number for one source goes before one for all."""
    numbers: dict[str, float] = {}
    for text in sorted(given, key=lambda text: "=" in text):
        name, equals, value = text.rpartition("=")
        try:
            number = int(value) if whole else float(value)
        except ValueError as error:
            raise RetrievalError(f"{option} {text}: {value!r} is not a number") from error
        if equals and name not in names:
            raise RetrievalError(f"{option} {text}: {name!r} is not among --sources")
        numbers.update(dict.fromkeys([name] if equals else names, number))
    return numbers


def evidence_files(arguments: argparse.Namespace) -> dict[str, Path]:
    """Gives named source -> file.

    Raises:
        RetrievalError: not NAME=FILE, a name that is taken, or no such file.
    """
    files: dict[str, Path] = {}
    for text in arguments.evidence:
        name, _, file = text.partition("=")
        if not _NAME.fullmatch(name) or not file:
            raise RetrievalError(
                f"--evidence {text}: give NAME=FILE; a name is letters, digits, '_', '-', '.'"
            )
        if name in BUILT_IN or name in files:
            raise RetrievalError(f"--evidence {text}: the name {name} is taken")
        if not Path(file).is_file():
            raise RetrievalError(f"--evidence {text}: no such file")
        files[name] = Path(file)
    return files


def read_cropper(arguments: argparse.Namespace, images: set[str]) -> Cropper:
    """Gives where crops come from; `images` are the names of the data set's images.

    Raises:
        pipelines.datasets.DatasetError: boxes or crops that cannot be read.
    """
    if arguments.boxes:
        return read_boxes(Path(arguments.boxes))
    if arguments.crops:
        return read_crops(Path(arguments.crops), images)
    return Cropper(grid=arguments.grid or (2, 2))


def read_named(
    arguments: argparse.Namespace, splits: dict[str, list[Example]]
) -> tuple[dict[str, dict[str, dict[str, list[Evidence]]]], dict[str, Counter[str]]]:
    """Gives named source -> split -> example id -> evidence, and named source -> what was counted.

    Raises:
        RetrievalError, pipelines.datasets.DatasetError: a file that cannot be read.
    """
    named, counts = {}, {}
    for name, path in evidence_files(arguments).items():
        counts[name] = Counter[str]()
        named[name] = read_evidence(path, splits, counts[name])
    return named, counts
