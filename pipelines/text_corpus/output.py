"""The output folder of a build: whose it is, whether it is finished, who writes to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from kc_schema.files import take_lock
from kc_schema.snapshot import Manifest, SnapshotError, has_manifest, open_snapshot
from kc_schema.tables import TEXT_TABLES
from pipelines.dump.parts import DumpFile, dump_date, dump_name
from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build, BuildError
from pipelines.text_corpus.extract import read_result
from pipelines.text_corpus.finished import write_finished
from pipelines.text_corpus.progress import units_in_progress
from pipelines.wikitext.site import Site

SAMPLES_PER_FILE = 64
BYTES_PER_SAMPLE = 4096


def dump_fingerprint(parts: Sequence[DumpFile]) -> str:
    """Gives a checksum that tells dumps apart in milliseconds: names, sizes, and samples spread over each file.

    The bytes between the samples are guarded by the dump's own block checksums when they are read.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{Path(part.path).name}\n{part.size}\n".encode())
        with Path(part.path).open("rb") as file:
            last = max(0, part.size - BYTES_PER_SAMPLE)
            for number in range(SAMPLES_PER_FILE + 1):
                file.seek(last * number // SAMPLES_PER_FILE)
                digest.update(file.read(BYTES_PER_SAMPLE))
    return digest.hexdigest()


def describe_dump(parts: Sequence[DumpFile], site: Site, build: Build) -> dict[str, Any]:
    """Gives what the manifest says of the dump."""
    date = dump_date(list(parts))
    return {
        "name": dump_name(list(parts)),
        "wiki": site.database,
        "language": site.language,
        "base": site.base,
        "date": date.isoformat() if date else None,
        "files": [{"name": Path(part.path).name, "bytes": part.size} for part in parts],
        "fingerprint": build.dump_fingerprint,
    }


def prepare_output(build: Build, *, overwrite: bool, console: Console) -> Manifest | None:
    """Makes the output folder ready for `build`; gives the manifest where it holds the finished snapshot.

    Raises:
        BuildError: the folder holds another dump's snapshot or something else, or cannot be written.
    """
    output = Path(build.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        if overwrite:
            _clear(build)
        elif has_manifest(output):
            return _finished(build, console)
        elif not build.work.exists() and any(output.iterdir()):
            raise BuildError(
                f"{output}: holds files that are no snapshot; give an empty folder or --overwrite"
            )
        _claim(build)
    except OSError as error:
        where = error.filename or output
        raise BuildError(
            f"{where}: cannot be written ({error.strerror}); give another --output or make room and rights there"
        ) from error
    return None


def _finished(build: Build, console: Console) -> Manifest:
    output = Path(build.output)
    try:
        manifest = open_snapshot(output).manifest
    except SnapshotError as error:
        raise BuildError(str(error)) from error
    if manifest.dump["fingerprint"] != build.dump_fingerprint:
        raise BuildError(
            f"{output}: holds the snapshot of another dump, {manifest.dump['name']}; give another --output, or"
            " --overwrite to replace it"
        )
    if manifest.options != build.options():
        raise BuildError(
            f"{output}: holds a snapshot built with other options ({_difference(manifest.options, build.options())});"
            " give another --output, or --overwrite to replace it"
        )
    console.print(
        f"{output}: finished, nothing to do (--overwrite builds it again)", highlight=False, soft_wrap=True
    )
    if manifest.versions["code"] != build.code_fingerprint:
        console.print("note: it was built by another version of the extractor or its libraries")
    return manifest


def _difference(there: dict[str, Any], asked: dict[str, Any]) -> str:
    names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
    return ", ".join(f"{name}: {there.get(name)}, asked {asked.get(name)}" for name in names)


def _claim(build: Build) -> None:
    """Marks an unfinished build's folder as that of one dump, or finds that it is another's."""
    path = build.work / "dump.json"
    claim = {"fingerprint": build.dump_fingerprint}
    if path.exists():
        with contextlib.suppress(ValueError):
            if json.loads(path.read_bytes()) != claim:
                raise BuildError(
                    f"{build.output}: holds an unfinished build of another dump; give another --output, or"
                    " --overwrite to replace it"
                )
    write_finished(path, claim)


def _clear(build: Build) -> None:
    """Takes away a snapshot, the manifest first; what is not part of the text corpus stays."""
    output = Path(build.output)
    (output / "manifest.json").unlink(missing_ok=True)
    for name in (*TEXT_TABLES, "text_index", ".work"):
        if (output / name).exists():
            shutil.rmtree(output / name)


@contextlib.contextmanager
def lock_output(build: Build) -> Iterator[None]:
    """Keeps a second build out of the folder until the block ends.

    Raises:
        BuildError: another process builds there now.
    """
    try:
        file = take_lock(build.work / "lock")
    except BlockingIOError as error:
        raise BuildError(f"{build.output}: another build is writing there; wait for it or stop it") from error
    with file:
        yield


def describe_standstill(units: Sequence[WorkUnit], build: Build) -> str:
    """Says in one line what was being read when a build failed, and what of it is finished."""
    done = sum(read_result(build, unit) is not None for unit in units)
    reading = []
    by_number = {unit.number: unit for unit in units}
    for state in units_in_progress(build.work):
        unit = by_number.get(state.number)
        if unit is not None and read_result(build, unit) is None:
            page = f" at the page {state.page!r}" if state.page else ""
            reading.append(f"{Path(unit.path).name} bytes {unit.start:,} to {unit.end:,}{page}")
    being_read = "; ".join(reading) or "nothing"
    return f"being read: {being_read}; finished: {done} of {len(units)} work units; the same command goes on"
