import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real dumps and data sets; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def demo_dump() -> Path:
    """The slice of a real dump (106 articles) that gensim's wheel carries."""
    from pipelines.demo import find_dump

    return find_dump()
