"""Processes that are killed with all that they started, at a moment that what they left on the disk tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def killed_when(command: Sequence[str], condition: Callable[[], object], seconds: float = 120.0) -> bool:
    """Run ``python -m COMMAND`` and kill it (9) as soon as the condition holds; tell whether it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + seconds
    while process.poll() is None:
        if condition() or time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    return process.wait() == -signal.SIGKILL


def run_to_its_end(command: Sequence[str]) -> None:
    """Run ``python -m COMMAND``, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
