"""Ctrl-C while Python is still importing a command: one line, as later, and no traceback."""

from __future__ import annotations

import sys
from pathlib import PurePath
from types import TracebackType

__all__ = ["STOPPED", "quiet_interrupts"]

STOPPED = "stopped; the same command goes on where this one was"


def quiet_interrupts() -> None:
    """Let Ctrl-C end this process with one line, where Python runs a command of the project.

    Every package of the project calls this first of all. While ``python -m`` looks for a module, ``sys.argv[0]`` is
    ``-m`` (https://docs.python.org/3/using/cmdline.html#cmdoption-m); programs that import the project keep their own
    ways.
    """
    if sys.argv and (sys.argv[0] == "-m" or PurePath(sys.argv[0]).name == "kc"):
        before = sys.excepthook

        def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            if issubclass(kind, KeyboardInterrupt):
                print(STOPPED, file=sys.stderr)
            else:
                before(kind, error, trace)

        sys.excepthook = tell
