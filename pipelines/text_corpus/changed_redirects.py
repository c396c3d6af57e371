"""Redirects that do not lead where the older snapshot's led, and the kept pages whose anchors they touch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.snapshot import open_snapshot
from kc_schema.store import Part, open_parquet, replacing
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.redirects import JoinedRedirects, title_hash

__all__ = ["Hashes", "changed_titles_path", "touched", "write_changed_titles"]

Hashes = npt.NDArray[np.uint32]


def write_changed_titles(build: Build, joined: JoinedRedirects) -> None:
    """Write the hashes of titles that do not lead where they led, or have begun or ceased to lead anywhere."""
    assert build.older is not None
    before = open_snapshot(build.older).manifest.tables["redirects"]
    same = {part.sha256 for part in before} & {part.sha256 for part in joined.parts}
    titles = _differences(
        _redirects(build.older, [part for part in before if part.sha256 not in same]),
        _redirects(build.output, [part for part in joined.parts if part.sha256 not in same]),
    )
    hashes = np.unique(np.fromiter(map(title_hash, titles), np.uint32))
    with replacing(changed_titles_path(build)) as temporary, temporary.open("wb") as file:
        np.save(file, hashes)


def _redirects(folder: Path, parts: Iterable[Part]) -> Iterator[tuple[str, str]]:
    """Yield the redirects of some parts by title in code-point order."""
    for part in parts:
        with open_parquet(folder / part.file) as file:
            for batch in file.iter_batches():
                yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)


def _differences(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the keys whose values differ, or that stand on one side alone; both sides ascend by key."""
    left, right = iter(one), iter(other)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            yield a[0]  # type: ignore[index]
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield b[0]
            b = next(right, None)
        else:
            if a[1] != b[1]:
                yield a[0]
            a, b = next(left, None), next(right, None)


def touched(kept: pa.Table, changed: Hashes) -> npt.NDArray[np.bool_]:
    """Tell of every kept page whether one of its anchors may lead elsewhere now."""
    lists = kept["title_hashes"].combine_chunks()
    hit = np.isin(lists.flatten().to_numpy(zero_copy_only=False), changed)
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.bool_] = np.zeros(len(kept), bool)
    found[np.repeat(np.arange(len(kept)), sizes)[hit]] = True
    return found


def changed_titles_path(build: Build) -> Path:
    """Return the file of `changed_titles` of a build."""
    return build.work / "changed-titles.npy"
