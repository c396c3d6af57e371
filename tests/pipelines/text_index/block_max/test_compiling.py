"""Where compiled functions are kept: never where those of other sources are found."""

from __future__ import annotations

import pytest
from numba import config

from pipelines.text_index.block_max import compiling


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "coding.py").write_text("one")
    (folder / "kernels.py").write_text("two")
    monkeypatch.setattr(compiling, "_HERE", folder)
    monkeypatch.setattr(compiling, "_USERS", str(tmp_path / "user"))
    monkeypatch.setattr(config, "CACHE_DIR", "")
    return folder


def test_another_file_of_the_package_is_another_folder(package):
    first = compiling._find_folder()
    assert first is not None
    assert first.parent == package / "__pycache__"
    assert compiling._find_folder() == first
    (package / "coding.py").write_text("changed")
    assert compiling._find_folder() != first


def test_where_nobody_may_write_the_cache_of_the_user_is_taken_and_else_none(package, tmp_path):
    (package / "__pycache__").write_text("no folder")
    assert compiling._find_folder().parent == tmp_path / "user"
    (tmp_path / "user").rename(tmp_path / "gone")
    (tmp_path / "user").write_text("no folder")
    assert compiling._find_folder() is None


def test_a_folder_that_is_asked_for_is_taken(package, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "asked"))
    assert compiling._find_folder().parent == tmp_path / "asked"
    assert package.exists()


def test_what_was_compiled_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_FOLDER", tmp_path)
    assert not compiling.is_kept("search_windows")
    (tmp_path / "block_max_0").mkdir()
    (tmp_path / "block_max_0" / "kernels.search_windows-1.py311.nbi").touch()
    assert compiling.is_kept("search_windows")
    monkeypatch.setattr(compiling, "_FOLDER", None)
    assert not compiling.is_kept("search_windows")
