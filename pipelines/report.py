"""Writes the report of a snapshot, or of a retrieval cache, as one page that needs no other file.

python -m pipelines.report --kc kc --output report.html
python -m pipelines.report --cache caches/twitter17 --output evidence.html
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from kc_schema.command import Command, Count, options, printable
from kc_schema.errors import UsageError
from kc_schema.store import explain_file_errors, write_text

EXAMPLES = """\
python -m pipelines.report --kc kc --output report.html
python -m pipelines.report --kc corpora/enwiki/current --compare corpora/enwiki/snapshots/OLD
python -m pipelines.report --cache caches/twitter17 --output evidence.html
"""


@options
@dataclass(frozen=True, kw_only=True)
class PageReportOptions:
    """What the command takes."""

    kc: Path | None = None
    """The snapshot's folder. [default: kc, without --cache]"""
    cache: Path | None = None
    """A retrieval cache, in place of a snapshot."""
    compare: Path | None = None
    """An older snapshot of the same wiki: what has changed since is told."""
    output: Path = Path("report.html")
    """The page."""
    seed: Count = 0
    """Draws the paragraphs that are shown."""
    json: bool = False
    """Print the tables as JSON; no page is written."""

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            UsageError: a snapshot and a cache, a comparison of a cache, paragraphs of one, or a page as JSON.
        """
        if self.json and self.output != Path("report.html"):
            raise UsageError("--output is where the page goes; with --json none is written")
        if self.cache is not None and self.seed:
            raise UsageError("--seed draws paragraphs of a snapshot; a cache has none")
        if self.cache is not None and (self.kc is not None or self.compare is not None):
            raise UsageError(
                "--cache stands alone: a report is of a snapshot (--kc, --compare) or of a cache"
            )


def run(given: PageReportOptions) -> None:
    """Write the report that the options ask for."""
    given.check()

    def tell(line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)

    if given.cache is not None:
        from pipelines.reporting.cache import report_cache

        page = report_cache(given.cache)
    else:
        from pipelines.reporting.snapshot import report_snapshot

        page = report_snapshot(given.kc or Path("kc"), compare=given.compare, seed=given.seed, tell=tell)
    if given.json:
        print(page.json(), end="")
        return
    with explain_file_errors(given.output, "give another file with --output"):
        write_text(given.output, page.html())
    print(f"report: {given.output}")


main = Command(
    "pipelines.report",
    "Write the report of a snapshot or of a retrieval cache as a page.",
    PageReportOptions,
    run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
