"""The folder of a cache that is to be built: what stands there already, and what must not stay."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kc_schema.files import take_lock
from kc_schema.retrieval_cache import MANIFEST, CacheError, RetrievalCache, open_cache
from pipelines.retrieval.errors import RetrievalError
from pipelines.retrieval.parts import WORK

__all__ = ["REPORT", "find_finished", "locked", "remove_strangers"]

REPORT = "report.json"
"""What the evidence is worth (`pipelines.retrieval.report`); no part of the cache that training reads."""


def find_finished(output: Path, settings: Mapping[str, Any], *, overwrite: bool) -> RetrievalCache | None:
    """Gives the cache in `output` where it is finished and made from the same; None where there is none.

    Raises:
        RetrievalError: there is one made from something else, and `overwrite` is not set; what differs is
            named. Or the folder holds something that is no cache.
    """
    try:
        cache = open_cache(output)
    except CacheError:
        manifest = output / MANIFEST
        strange = output.is_dir() and not (output / WORK).is_dir() and any(output.iterdir())
        if (manifest.exists() or strange) and not overwrite:
            raise RetrievalError(
                f"{output}: there is something, and it is no retrieval cache; give another --output, or"
                " --overwrite"
            ) from None
        return None
    changed = [name for name, value in settings.items() if cache.manifest[name] != value]
    if not changed:
        return _whole(cache, overwrite=overwrite)
    if not overwrite:
        first = changed[0]
        was, now = cache.manifest[first], settings[first]
        if isinstance(was, dict) and isinstance(now, dict):
            inner = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
            first, was, now = f"{first}: {inner[0]}", was.get(inner[0]), now.get(inner[0])
        raise RetrievalError(
            f"{output}: a cache made from something else stands there ({first}: {_short(was)} then,"
            f" {_short(now)} now); give --overwrite to build it anew, or another --output"
        )
    return None


def _whole(cache: RetrievalCache, *, overwrite: bool) -> RetrievalCache | None:
    try:
        cache.verify()
    except CacheError as error:
        if not overwrite:
            raise RetrievalError(f"{error} with --overwrite") from error
        return None
    return cache if (cache.folder / REPORT).is_file() else None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keeps a second build out of the folder until the block ends.

    Raises:
        RetrievalError: another process builds there now.
    """
    (output / WORK).mkdir(parents=True, exist_ok=True)
    try:
        file = take_lock(output / WORK / "lock")
    except BlockingIOError as error:
        raise RetrievalError(f"{output}: another build is writing there; wait for it or stop it") from error
    with file:
        yield


def remove_strangers(cache: RetrievalCache) -> None:
    """Takes away what an earlier cache in the same folder left: sources and splits that are no more."""
    for kind in ("examples", "hits", "features"):
        for path in sorted((cache.folder / kind).rglob("*")):
            if path.is_file() and path.relative_to(cache.folder).as_posix() not in cache.manifest["files"]:
                path.unlink()
    hits = cache.folder / "hits"
    for folder in sorted(hits.iterdir()) if hits.is_dir() else ():
        if folder.name not in cache.sources:
            shutil.rmtree(folder, ignore_errors=True)
    features = cache.folder / "features"
    if features.is_dir() and not any(features.iterdir()):
        features.rmdir()
