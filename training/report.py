"""Writes the report of a run: Markdown, and one HTML page that needs no other file.

::

    python -m training.report --run runs/twitter17 --images twitter17_images
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kc_schema.retrieval_cache import CacheError
from training.config import ConfigError
from training.errors import TrainingError

__all__ = ["main"]

_EXAMPLE = """example:
  python -m training.report --run runs/twitter17 --images twitter17_images
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.report",
        description="Writes RUN/report/report.md and RUN/report/report.html.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--images", type=Path, help="folder of the data set's images, shown with the cases")
    arguments = parser.parse_args(argv)
    from training.planning import open_run
    from training.reporting.writing import write_report

    try:
        if arguments.images is not None and not arguments.images.is_dir():
            raise TrainingError(f"--images {arguments.images}: no such folder")
        folder = arguments.run / "report"
        write_report(open_run(arguments.run), folder, images=arguments.images)
    except (CacheError, ConfigError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"report: {folder / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
