from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines import demo


def test_the_last_line_tells_how_to_look_at_what_was_built(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kc = tmp_path / "kc"
    assert demo.main(["--output", str(kc)]) == 0
    last = capfd.readouterr().out.splitlines()[-1]
    assert last == f"Look at it in a browser: {sys.executable} -m pipelines.explore --kc {kc}"
