"""Times a refresh with some pages changed against a full build of the same dump, in one run.

    python -m tests.bench.bench_refresh
    python -m tests.bench.bench_refresh --newest --index none

The dump is that of `tests.bench.bench_build`; of the newer one, one page in a hundred, drawn by chance or the newest
ones, has a new revision with another sentence. Printed: CPU seconds of all processes with one worker, with and without
the embedded index, and what of them is the start of processes (a refresh with nothing to do) and bz2 decompression;
bytes of the first snapshot, and what the second takes beside it; whether the tables are the same.
"""

from __future__ import annotations

import argparse
import bz2
import ctypes
import hashlib
import random
import re
import sys
import tempfile
from pathlib import Path

from kc_schema.tables import TEXT_TABLES
from tests.bench.bench_build import DECOMPRESS, PR_SET_CHILD_SUBREAPER, default_dump, grow_dump, measure

_PAGE = re.compile(rb"<page>.*?</page>", re.DOTALL)
_REVISION = re.compile(rb"(<revision>\s*<id>)(\d+)")
_SHA1 = re.compile(rb"<sha1>\w+</sha1>")
_TEXT = re.compile(rb"<text[^>]*[^/]>")
_ADDED = b"A new sentence stands here about [[Alan Turing]].\n\n"


def change_pages(source: Path, target: Path, share: float, *, newest: bool = False) -> tuple[int, int]:
    """Write a dump with a share of its pages changed, stream by stream; return how many were, and of how many.

    Args:
        newest: whether the last pages of the dump change; else pages drawn by chance.
    """
    draw = random.Random(1)
    changed = pages = 0
    first = 0
    if newest:
        with bz2.open(source) as file:
            count = sum(line.count(b"<page>") for line in file)
        first = round(count * (1 - share))

    def change(found: re.Match[bytes]) -> bytes:
        nonlocal changed, pages
        pages += 1
        page = found[0]
        chosen = pages > first if newest else draw.random() < share
        if not chosen or b"<redirect" in page or _TEXT.search(page) is None:
            return page
        changed += 1
        page = _REVISION.sub(lambda at: b"%b%d" % (at[1], int(at[2]) + 10**9), page, count=1)
        page = _TEXT.sub(lambda at: at[0] + _ADDED, page, count=1)
        digest = hashlib.sha1(page).hexdigest()[:31].encode()
        return _SHA1.sub(b"<sha1>%b</sha1>" % digest, page)

    rest = source.read_bytes()
    with target.open("wb") as file:
        while rest:
            stream = bz2.BZ2Decompressor()
            xml = stream.decompress(rest)
            rest = stream.unused_data
            file.write(bz2.compress(_PAGE.sub(change, xml)))
    return changed, pages


def command(root: Path, dump: Path, index: str) -> list[str]:
    """Return the command that refreshes a root from files at hand."""
    module = [sys.executable, "-m", "pipelines.refresh", "--root", str(root), "--dump", str(dump)]
    return [*module, "--workers", "1", "--text-index", index]


def table_bytes(root: Path) -> dict[str, bytes]:
    """Return the tables and the manifest of the current snapshot."""
    kc = (root / "current").resolve()
    return {
        path.relative_to(kc).as_posix(): path.read_bytes()
        for path in kc.rglob("*")
        if path.is_file() and path.relative_to(kc).parts[0] in (*TEXT_TABLES, "repeats", "manifest.json")
    }


def files(folder: Path) -> dict[int, int]:
    """Return the bytes of all files below a folder, by inode: a file with two names counts once."""
    found = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return {status.st_ino: status.st_size for status in found}


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=300, help="XML of the grown dump")
    parser.add_argument("--share", type=float, default=0.01, help="pages that change")
    parser.add_argument("--newest", action="store_true", help="the newest pages change, not pages by chance")
    parser.add_argument("--index", default="none,tantivy", help="indexes that are tried")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="bench-refresh-") as name:
        folder = Path(name)
        old = folder / "enwiki-20200101-pages-articles-multistream.xml.bz2"
        new = folder / "enwiki-20200201-pages-articles-multistream.xml.bz2"
        grow_dump(default_dump(), old, int(given.megabytes * 1e6))
        changed, pages = change_pages(old, new, given.share, newest=given.newest)
        print(f"{new.stat().st_size / 1e6:,.1f} MB bz2, {changed:,} of {pages:,} pages changed")
        bz2_cpu = measure([sys.executable, "-c", DECOMPRESS, str(new)]).cpu
        for index in given.index.split(","):
            full, root = folder / f"full-{index}", folder / f"root-{index}"
            measure(command(root, old, index))
            first = files((root / "current").resolve())
            refreshed = measure(command(root, new, index))
            built = measure(command(full, new, index))
            start = measure(command(full, new, index))
            second = files((root / "current").resolve())
            added = sum(size for inode, size in second.items() if inode not in first)
            print(
                f"index {index}: full build {built.cpu:.2f} CPU s, refresh {refreshed.cpu:.2f}"
                f" ({100 * refreshed.cpu / built.cpu:.0f}%), of which bz2 {bz2_cpu:.2f} and start {start.cpu:.2f};"
                f" without the start {100 * (refreshed.cpu - start.cpu) / (built.cpu - start.cpu):.0f}%; wall"
                f" {built.wall:.1f} s and {refreshed.wall:.1f} s; largest process {refreshed.peak_mb:,.0f} MB"
            )
            whole = sum(first.values())
            print(f"snapshots: {whole / 1e6:,.1f} MB, then {added / 1e6:,.1f} MB more ({added / whole:.3f})")
            print(f"tables and manifest the same: {table_bytes(root) == table_bytes(full)}")


if __name__ == "__main__":
    main()
