"""The last step of a load: both aliases move at once, older snapshots make room."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.text_index.mappings import TABLES, Generation, alias

if TYPE_CHECKING:
    from pipelines.text_index.cluster_indices import ClusterIndices

__all__ = ["switch"]


def switch(indices: ClusterIndices, names: Generation, keep: int) -> list[str]:
    """Moves the aliases to a complete generation, in one call; gives the indices of older ones that it deleted."""
    actions: list[dict[str, Any]] = []
    for table in TABLES:
        name, target = alias(names.prefix, table), names.index(table)
        others = [index for index in _behind(indices, name) if index != target]
        actions += [{"remove": {"index": index, "alias": name}} for index in others]
        actions.append({"add": {"index": target, "alias": name}})
    indices.ask(lambda: indices.client.indices.update_aliases(actions=actions))
    indices.ask(lambda: indices.client.indices.delete(index=names.progress, ignore_unavailable=True))
    retired = _older(indices, names)[keep:]
    gone = [Generation(names.prefix, token).index(table) for token in retired for table in TABLES]
    for index in gone:
        indices.ask(partial(indices.client.indices.delete, index=index, ignore_unavailable=True))
    return gone


def _behind(indices: ClusterIndices, name: str) -> list[str]:
    """The indices that an alias stands for."""
    answer = indices.ask(lambda: indices.client.options(ignore_status=404).indices.get_alias(name=name).body)
    return [index for index, found in answer.items() if isinstance(found, dict) and "aliases" in found]


def _older(indices: ClusterIndices, names: Generation) -> list[str]:
    """Tokens of the other complete generations, newest first. What is still being loaded is left alone."""
    stem = f"{alias(names.prefix, 'sentences')}-"
    found = indices.ask(lambda: indices.client.indices.get(index=f"{stem}*", expand_wildcards="open").body)
    ages = {
        index.removeprefix(stem): int(about["settings"]["index"]["creation_date"])
        for index, about in found.items()
        if about["mappings"].get("_meta", {}).get("complete") is True
    }
    ages.pop(names.token, None)
    return sorted(ages, key=lambda token: ages[token], reverse=True)
