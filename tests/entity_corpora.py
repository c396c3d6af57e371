"""Corpora whose pages have Wikidata ids and names, from pages and from what the wiki says of them.

entity_corpus(folder, [DumpPage("Ada", "'''Ada''' is ...", 1)], {1: {"wikibase_item": "Q7259"}})
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.entities.build import build_entities
from pipelines.index_text import main as index_text
from tests.corpus_builder import HereEngine, build
from tests.dump_writer import DumpPage, write_dump
from tests.sql_writer import write_page_props


def entity_corpus(
    folder: Path,
    pages: Sequence[DumpPage],
    properties: Mapping[int, Mapping[str, str | bytes]],
    *,
    named: bool = True,
    indexed: bool = False,
    **options: Any,
) -> Path:
    """Build a corpus in ``folder/kc`` from a dump with its page properties beside it; give its folder.

    Args:
        named: whether its entities and aliases are made, too.
        indexed: whether its text index is built.
        options: of the build (`tests.corpus_builder.build`).
    """
    kc = folder / "kc"
    dump = write_dump(folder / "testwiki-20250101-pages-articles.xml", pages)
    write_page_props(folder / "testwiki-20250101-page_props.sql.gz", properties)
    build(dump, kc, page_props="auto", **options)
    if named:
        make_entities(kc)
    if indexed:
        assert index_text(["--kc", str(kc), "--workers", "1"]) == 0
    return kc


def make_entities(kc: Path) -> None:
    """Make the entities of a corpus in this process."""
    build_entities(kc, engine=HereEngine(), console=Console(file=io.StringIO()))  # type: ignore[arg-type]
