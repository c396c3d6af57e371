"""What the commands' options have in common: mistakes told in one line, numbers, workers, where networks run."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

__all__ = ["CommandParser", "add_network_options", "add_workers_option", "positive"]


class CommandParser(argparse.ArgumentParser):
    """A parser whose help ends with examples, and which tells a mistake in one line instead of all options."""

    def __init__(self, name: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python -m {name}",
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Ends the command with status 2."""
        self.exit(2, f"error: {message}; {self.prog} --help shows the options\n")


def positive(text: str) -> int:
    """Reads a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def add_network_options(group: Any) -> None:
    """Adds ``--encoder-cache`` and ``--device`` to a parser or a group of its options."""
    group.add_argument("--encoder-cache", metavar="DIR", help="folder of downloaded weights")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")


def add_workers_option(parser: argparse.ArgumentParser, what: str = "worker processes") -> None:
    """Adds ``--workers``; `what` says what they are."""
    parser.add_argument(
        "--workers", type=positive, metavar="N", help=f"{what} (default: one a core of this machine)"
    )
