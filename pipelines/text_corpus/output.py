"""The output folder of a build: whose it is, and whether it is finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from kc_schema.snapshot import Manifest, open_snapshot
from kc_schema.store import Part, Place, explain_file_errors, read_json, remove, write_json
from kc_schema.tables import TEXT_TABLES
from pipelines.engine import TIMINGS
from pipelines.text_corpus.build import Build, BuildError

__all__ = ["commit", "find_finished", "open_place"]


@dataclass(frozen=True)
class _Claim:
    """Whose an unfinished build is."""

    dump: str
    """Fingerprint of its dump."""
    limit: int | None
    steps: str
    """Fingerprint of all that determines what its steps make."""


def open_place(build: Build) -> Place:
    """Return the output folder as a place that only this process may write to."""
    return Place(build.output, owns=(*TEXT_TABLES, "repeats", "text_index", TIMINGS))


def find_finished(place: Place, build: Build, console: Console, *, overwrite: bool) -> Manifest | None:
    """Make the output folder ready for `build`; return the manifest where it holds the finished snapshot.

    Raises:
        UserError: the folder holds another dump's snapshot or something else, or cannot be written.
    """
    with explain_file_errors(build.output, "give another --output, or make room and rights there"):
        if overwrite:
            place.clear()
        if place.has_manifest():
            manifest = _check_finished(build, console)
            place.remove_work()
            return manifest
        if not overwrite and not place.work.exists() and place.is_used():
            raise BuildError(
                f"{build.output}: holds files that are no snapshot; give an empty folder or --overwrite"
            )
        _claim(place, build, console)
        remove(place.work / "progress", ignore_errors=True)
    return None


def commit(place: Place, manifest: Manifest) -> None:
    """Write the manifest; nothing else of this or an older build stays."""
    parts: list[Part] = [part for parts in manifest.tables.values() for part in parts]
    for table in TEXT_TABLES:
        (place.folder / table).mkdir(exist_ok=True)
    place.remove_unlisted([*parts, TIMINGS])
    place.commit(manifest, [*parts, TIMINGS])
    place.remove_work()


def _check_finished(build: Build, console: Console) -> Manifest:
    manifest = open_snapshot(build.output).manifest
    if manifest.dump["fingerprint"] != build.dump_fingerprint:
        raise BuildError(
            f"{build.output}: holds the snapshot of another dump, {manifest.dump['name']}; give another --output,"
            " or --overwrite to replace it"
        )
    if manifest.options != build.options():
        raise BuildError(
            f"{build.output}: holds a snapshot built with other options"
            f" ({_difference(manifest.options, build.options())}); give another --output, or --overwrite to replace"
            " it"
        )
    console.print(
        f"{build.output}: finished, nothing to do (--overwrite builds it again)",
        highlight=False,
        soft_wrap=True,
    )
    if manifest.versions["code"] != build.code_fingerprint:
        console.print("note: it was built by another version of the extractor or its libraries")
    return manifest


def _difference(there: dict[str, Any], asked: dict[str, Any]) -> str:
    names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
    return ", ".join(f"{name}: {there.get(name)}, asked {asked.get(name)}" for name in names)


def _claim(place: Place, build: Build, console: Console) -> None:
    """Mark an unfinished build's folder as that of one dump, or find that it is another's."""
    path = place.work / "build.json"
    claim = _Claim(build.dump_fingerprint, build.limit, build.fingerprint())
    try:
        found = read_json(path, _Claim)
    except (FileNotFoundError, ValueError):
        place.remove_work()
        write_json(path, claim)
        return
    if found.dump != claim.dump:
        what = "of another dump"
    elif found.limit != claim.limit:
        what = f"with other options ({_difference({'limit': found.limit}, {'limit': claim.limit})})"
    else:
        if found.steps != claim.steps:
            console.print("starting again: the options, the extractor or its libraries have changed")
            place.remove_work()
            write_json(path, claim)
        return
    raise BuildError(
        f"{build.output}: holds an unfinished build {what}; give another --output, or --overwrite to replace it"
    )
