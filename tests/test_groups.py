"""Tests of a group run in one process, so that what they share is started once."""

import pytest


@pytest.mark.xdist_group("kept")
def test_groups_are_kept(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", False):
        pytest.skip("one process runs all tests")
    # pytest-xdist writes the group behind the name; pytest 9.2 took the place away, without a word.
    assert request.node.nodeid.endswith("@kept"), "this pytest and pytest-xdist ignore groups of tests"
