"""The order of tests: what takes longest begins first, so that no worker sits alone with it at the end."""

import pytest

_FIRST = ("service", "slow", "torch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort servers to the front, then training, then networks; the order within each stays."""

    def place(item: pytest.Item) -> int:
        return next(
            (number for number, name in enumerate(_FIRST) if item.get_closest_marker(name)), len(_FIRST)
        )

    items.sort(key=place)
