"""The demonstration behind ``make demo``: a corpus of 106 real Wikipedia articles, built and searched.

    python -m pipelines.demo --output demo/kc

The wheel of gensim carries a slice of a real dump of the English Wikipedia (of 2016); it is the input, and
the commands that run are printed, to be typed again.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pipelines.command_line import CommandParser

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
QUERIES = (
    "Which mountain in Alaska is the highest?",
    "political philosophy that wants a society without a state",
    "Who killed Achilles with an arrow?",
)


def find_dump() -> Path:
    """Gives the path of the dump slice that gensim's wheel carries.

    Raises:
        FileNotFoundError: gensim is not installed, or does not carry it.
    """
    spec = find_spec("gensim")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "test" / "test_data" / DUMP
        if path.is_file():
            return path
    raise FileNotFoundError("gensim with its test data is not installed; install it with: pip install gensim")


def run(arguments: Sequence[str]) -> int:
    """Prints a command as a user would type it, and runs it."""
    print(f"\n$ python {shlex.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, *arguments], check=False).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demonstration; gives the first exit status that is not 0."""
    parser = CommandParser(
        "pipelines.demo",
        "Build a small corpus of real Wikipedia articles and search it.",
        "example: python -m pipelines.demo --output demo/kc",
    )
    parser.add_argument(
        "--output", default="demo/kc", metavar="DIR", help="the snapshot's folder (default: demo/kc)"
    )
    arguments = parser.parse_args(argv)
    try:
        dump = find_dump()
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    build = ["-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", arguments.output]
    searches = [["-m", "pipelines.search", query, "--kc", arguments.output, "--k", "3"] for query in QUERIES]
    for command in (build, *searches):
        status = run(command)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
