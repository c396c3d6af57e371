"""What the commands' options have in common: mistakes told in one line, numbers, workers."""

from __future__ import annotations

import argparse
from typing import NoReturn

__all__ = ["CommandParser", "add_workers_option", "positive"]


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


def add_workers_option(parser: argparse.ArgumentParser, what: str = "worker processes") -> None:
    """Adds ``--workers``; `what` says what they are."""
    parser.add_argument(
        "--workers", type=positive, metavar="N", help=f"{what} (default: one a core of this machine)"
    )
