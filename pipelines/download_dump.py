"""Brings the newest complete dump of a wiki to this machine.

    python -m pipelines.download_dump --wiki simplewiki --date latest --output dumps --contact you@example.org

What was begun goes on with the same command. docs/refresh.md says which runs are taken.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from kc_schema.command import Command, options
from pipelines.dump.download import (
    PUBLIC_SERVER,
    Download,
    DumpRun,
    DumpServer,
    download_run,
    split_what,
    wait_for_run,
)
from pipelines.dump.download.runs import LAYOUTS, Layout

EXAMPLES = """\
python -m pipelines.download_dump --wiki simplewiki --contact you@example.org
python -m pipelines.download_dump --wiki enwiki --what articles+page_props --wait --contact you@example.org
python -m pipelines.download_dump --wiki dewiki --date 20250101 --base https://mirror.example.org/dumps
"""


@options
@dataclass(frozen=True, kw_only=True)
class DownloadOptions:
    """Options of ``pipelines.download_dump``."""

    wiki: str
    """Name of the wiki's database, such as enwiki or simplewiki."""
    date: str = "latest"
    """latest, or the date of a run, such as 20250101."""
    output: Path = Path("dumps")
    """The folder of all dumps; the run gets a folder WIKI-DATE in it."""
    what: str = "articles"
    """What is taken: articles, and tables by their names, joined by +, such as articles+page_props."""
    base: str = PUBLIC_SERVER
    """Address of the server, or of a mirror with its layout."""
    contact: str = ""
    """Mail address or URL to be reached under; goes into the User-Agent. The public server asks for it."""
    layout: Literal["auto", "classic", "content"] = "auto"
    """Layout of the runs that are looked for: classic dumps, content file exports, or the newest of both."""
    wait: bool = False
    """Wait until the newest run, or that of --date, is complete; else an incomplete one is passed over."""
    connections: Annotated[int, Parameter(validator=Number(gte=1, lte=3))] = 1
    """Files that are fetched at a time; the public server allows few."""
    dry_run: bool = False
    """Say what would be fetched, and fetch nothing."""


def run(given: DownloadOptions) -> int:
    """Fetch the run; print its folder to standard output."""
    console = Console(stderr=True)
    server = DumpServer(given.base, contact=given.contact)
    layouts: tuple[Layout, ...] = LAYOUTS if given.layout == "auto" else (given.layout,)
    found = wait_for_run(
        server,
        given.wiki,
        console=console,
        date=given.date,
        what=split_what(given.what),
        layouts=layouts,
        wait=given.wait and not given.dry_run,
    )
    _describe(found.run, given.output, console)
    if not given.dry_run:
        print(download_run(found.run, server, given.output, console=console, connections=given.connections))
    return 0


def _describe(dump: DumpRun, output: Path, console: Console) -> None:
    files = "1 file" if len(dump.files) == 1 else f"{len(dump.files)} files"
    to_come = Download(dump, output).bytes_to_come()
    rest = f", {to_come / 1e6:,.1f} MB to fetch" if to_come != dump.bytes else ""
    line = f"{dump.name} ({dump.layout} run): {files}, {dump.bytes / 1e6:,.1f} MB{rest}"
    console.print(line, highlight=False, soft_wrap=True)


main = Command(
    module="pipelines.download_dump",
    summary="Fetch the newest complete dump of a wiki.",
    options=DownloadOptions,
    run=run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
