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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kc_schema.command import Command, options
from kc_schema.errors import UserError

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
QUERIES = (
    "Which mountain in Alaska is the highest?",
    "political philosophy that wants a society without a state",
    "Who killed Achilles with an arrow?",
)


def find_dump() -> Path:
    """Return the path of the dump slice that gensim's wheel carries.

    Raises:
        UserError: gensim is not installed, or does not carry it.
    """
    spec = find_spec("gensim")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "test" / "test_data" / DUMP
        if path.is_file():
            return path
    raise UserError("gensim with its test data is not installed; install it with: pip install gensim")


def run_printed(arguments: Sequence[str]) -> int:
    """Print a command as a user would type it, and run it; return its exit status."""
    print(f"\n$ python {shlex.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, *arguments], check=False).returncode


@options
@dataclass(frozen=True, kw_only=True)
class CorpusDemoOptions:
    """Options of the command."""

    output: Path = Path("demo/kc")
    """The snapshot's folder."""


def run(given: CorpusDemoOptions) -> int:
    """Run the demonstration; return the first exit status that is not 0."""
    kc = str(given.output)
    build = ["-m", "pipelines.build_text_kc", "--dump", str(find_dump()), "--output", kc]
    searches = [["-m", "pipelines.search", query, "--kc", kc, "--k", "3"] for query in QUERIES]
    for command in (build, *searches):
        status = run_printed(command)
        if status:
            return status
    explore = shlex.join(["-m", "pipelines.explore", "--kc", kc])
    print(f"\nLook at it in a browser: {sys.executable} {explore}")
    return 0


main = Command(
    module="pipelines.demo",
    summary="Build the corpus of 106 real Wikipedia articles and search it.",
    options=CorpusDemoOptions,
    run=run,
    examples="python -m pipelines.demo --output demo/kc",
)

if __name__ == "__main__":
    sys.exit(main())
