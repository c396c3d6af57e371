"""Times the whole build of the text corpus against bz2 decompression of the same file, in one run.

    make bench                       the 139 articles of the shared data, else the demonstration's 106
    make bench DUMP=some.xml.bz2

The dump's pages are repeated under new ids and titles until they are about 300 MB of XML, in one multistream
file, so that start-up is no longer most of the time. Printed: CPU seconds of all processes over CPU seconds
of Python's bz2 on the same file, peak memory of the largest process, seconds until the first page, and the
wall time of two workers over that of one.
"""

from __future__ import annotations

import argparse
import bz2
import ctypes
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo import find_dump

XML_BYTES = 300_000_000
PAGES_PER_STREAM = 100
DEFAULT = Path("enwiki-2022-139-articles.xml.bz2")
DECOMPRESS = """
import bz2, sys
with bz2.open(sys.argv[1]) as file:
    while file.read(1 << 20):
        pass
"""
_PAGE = re.compile(rb"<page>.*?</page>\s*", re.DOTALL)
_TITLE = re.compile(rb"(<title>)(.*?)(</title>)|(<redirect title=\")(.*?)(\")")
_ID = re.compile(rb"<id>(\d+)</id>")
PR_SET_CHILD_SUBREAPER = 36


def grow_dump(source: Path, target: Path, xml_bytes: int = XML_BYTES) -> int:
    """Writes the pages of `source` again and again, under new ids and titles, as one multistream file.

    Returns:
        Bytes of XML written.
    """
    xml = bz2.decompress(source.read_bytes())
    pages = _PAGE.findall(xml)
    first = xml.index(b"<page>")
    stride = max(int(_ID.search(page)[1]) for page in pages) + 1  # type: ignore[index]
    temporary = target.with_suffix(".tmp")
    size = 0
    with temporary.open("wb") as file:
        file.write(bz2.compress(xml[:first]))
        stream: list[bytes] = []
        copy = 0
        while size < xml_bytes:
            for page in pages:
                stream.append(_renamed(page, copy, stride))
                size += len(stream[-1])
                if len(stream) == PAGES_PER_STREAM:
                    file.write(bz2.compress(b"".join(stream)))
                    stream = []
            copy += 1
        file.write(bz2.compress(b"".join(stream)) if stream else b"")
        file.write(bz2.compress(b"</mediawiki>\n"))
    temporary.replace(target)
    return size


def _renamed(page: bytes, copy: int, stride: int) -> bytes:
    if copy == 0:
        return page
    mark = b" (%d)" % copy

    def rename(found: re.Match[bytes]) -> bytes:
        opening, title, closing = (group for group in found.groups() if group is not None)
        return opening + title + mark + closing

    page = _TITLE.sub(rename, page, count=2)
    return _ID.sub(lambda found: b"<id>%d</id>" % (int(found[1]) + copy * stride), page, count=1)


@dataclass(frozen=True)
class Run:
    """What a command took, all of its processes together."""

    cpu: float
    wall: float
    peak_mb: float
    output: str


def measure(command: list[str]) -> Run:
    """Runs a command and waits for all of its descendants.

    Raises:
        SystemExit: it failed.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        status = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
        while True:  # orphans come to us, as the nearest reaper above them
            try:
                os.wait()
            except ChildProcessError:
                break
        wall = time.monotonic() - started
        output.seek(0)
        text = output.read()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}:\n{text}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(cpu, wall, after.ru_maxrss / 1024, text)


def build_command(dump: Path, output: Path, workers: int) -> list[str]:
    """Gives the command that builds a snapshot without an index."""
    module = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", str(output)]
    return [*module, "--workers", str(workers), "--text-index", "none", "--overwrite"]


def default_dump() -> Path:
    """Gives the dump that is measured when none is named."""
    shared = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    dump = shared / "dumps" / DEFAULT
    return dump if dump.is_file() else find_dump()


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dump", type=Path, default=None)
    parser.add_argument("--megabytes", type=float, default=XML_BYTES / 1e6, help="XML of the grown dump")
    arguments = parser.parse_args()
    source = arguments.dump or default_dump()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="bench-build-") as folder:
        grown = Path(folder) / "enwiki-20200101-pages-articles-multistream.xml.bz2"
        size = grow_dump(source, grown, int(arguments.megabytes * 1e6))
        print(f"{source.name} grown to {size / 1e6:,.0f} MB of XML, {grown.stat().st_size / 1e6:,.1f} MB bz2")
        bz2_run = measure([sys.executable, "-c", DECOMPRESS, str(grown)])
        print(f"bz2 decompression: {bz2_run.cpu:.2f} CPU s, {size / 1e6 / bz2_run.cpu:.1f} MB/s of XML")
        runs = {workers: measure(build_command(grown, Path(folder) / "kc", workers)) for workers in (1, 2)}
        again = measure(build_command(grown, Path(folder) / "kc", 2)[:-1])
    bz2_cpu = bz2_run.cpu
    for workers, run in runs.items():
        first_page = re.search(r"first page after ([\d.]+) s", run.output)
        print(
            f"build, {workers} worker{'s' if workers > 1 else ''}: {run.cpu:.2f} CPU s, {run.wall:.2f} s wall,"
            f" {size / 1e6 / run.cpu:.1f} MB/s of XML a CPU second, largest process so far {run.peak_mb:,.0f} MB,"
            f" first page after {first_page[1] if first_page else '?'} s of the pipeline"
        )
    print(f"second run over the finished snapshot: {again.wall:.2f} s")
    print(f"wall time of 2 workers over 1: {runs[2].wall / runs[1].wall:.2f}")
    print(f"CPU of the build over CPU of bz2 (1 worker): {runs[1].cpu / bz2_cpu:.2f}")
    print(f"CPU of the build over CPU of bz2 (2 workers): {runs[2].cpu / bz2_cpu:.2f}")


if __name__ == "__main__":
    main()
