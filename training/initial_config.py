"""A commented configuration for a given cache, to begin with."""

from __future__ import annotations

from pathlib import Path

from kc_schema.errors import UsageError
from kc_schema.retrieval_cache import RetrievalCache, open_cache
from kc_schema.store import write_text
from training.config import load_config

__all__ = ["write_initial_config"]

_SPLITS = {"train": ("train",), "dev": ("dev", "val", "valid", "validation", "test"), "test": ("test", "dev")}


def write_initial_config(path: Path, cache: Path) -> None:
    """Write a configuration for the cache in the folder `cache`: an expert a source, and mixtures of them.

    Raises:
        CacheError: no finished cache there.
        UsageError: `path` exists already, or the cache has no training split.
    """
    if path.exists():
        raise UsageError(f"--init {path}: the file exists; give another name, or remove it")
    write_text(path, initial_config(open_cache(cache), path))
    load_config(path)


def initial_config(cache: RetrievalCache, path: Path) -> str:
    """Return the configuration for a cache as YAML with comments; `path` is named in them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    paper = load_config("paper", [f"cache={cache.folder}"])
    sources = [source for source in cache.sources if not source.startswith("random_")]
    environment = Environment(
        loader=PackageLoader("training", "."), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("initial_config.yaml.j2").render(
        cache=cache,
        path=path,
        splits={key: _split(cache, key) for key in _SPLITS},
        members=["baseline", *sources] if len(sources) == 1 else sources,
        unused=[name for name in paper.experts if name != "baseline" and name not in cache.sources],
        lost=[name for name in paper.mixtures if len(sources) < 2 or name not in ("average", "moe")],
    )


def _split(cache: RetrievalCache, key: str) -> str:
    for name in _SPLITS[key]:
        if name in cache.splits:
            return name
    raise UsageError(f"{cache.folder}: no split for {key}; it has {', '.join(cache.splits)}")
