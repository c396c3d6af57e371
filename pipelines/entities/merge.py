"""Merges what was gathered: a range of names becomes rows with priors, a range of pages becomes entities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.anchors import strip
from kc_schema.entity_tables import ALIASES, ENTITIES
from kc_schema.store import open_parquet, replacing
from pipelines.entities.gather import GATHERED, read_range
from pipelines.entities.types import types_of

__all__ = ["count_links", "merge_range", "write_entities"]

ALIASES_PER_GROUP = 1 << 13
"""Rows of a row group of aliases: a look-up of one name reads one."""
ENTITIES_PER_GROUP = 1 << 12

Numbers = npt.NDArray[np.int64]


def merge_range(sources: Sequence[Path], number: int, path: Path) -> bool:
    """Write the aliases of one range of names to `path`; tell whether there are any.

    Of what all parts gathered of the range, equal names of one page are added up. A prior is the share of an entity
    in all links of a surface, as it is written or in any case: P(entity | surface) of entity linking.
    """
    tables = [pa.Table.from_batches([read_range(source, number)]) for source in sources]
    names = pa.concat_tables([table for table in tables if len(table)] or [GATHERED.empty_table()])
    if not len(names):
        return False
    keys = ["folded", "surface", "page_id"]
    summed = names.group_by(keys, use_threads=False).aggregate(
        [("links", "sum"), ("title", "max"), ("redirect", "max"), ("bold", "max")]
    )
    order = [
        ("folded", "ascending"),
        ("surface", "ascending"),
        ("links_sum", "descending"),
        ("page_id", "ascending"),
    ]
    summed = summed.sort_by(order).combine_chunks()
    links: Numbers = summed["links_sum"].to_numpy()
    pages: Numbers = summed["page_id"].to_numpy()
    by_surface, by_folded = _runs(summed["surface"]), _runs(summed["folded"])
    prior = _share(links, np.bincount(by_surface, links)[by_surface])
    # Of one page, all spellings of a name count together.
    _, pairs = np.unique(np.stack([by_folded, pages]), axis=1, return_inverse=True)
    pairs = pairs.reshape(-1)
    of_page = np.bincount(pairs, links)[pairs]
    folded_prior = _share(of_page, np.bincount(by_folded, links)[by_folded])
    columns = {
        "links": summed["links_sum"],
        "prior": pa.array(prior),
        "folded_prior": pa.array(folded_prior),
        **{name: summed[f"{name}_max"] for name in ("title", "redirect", "bold")},
    }
    table = pa.table(
        [columns.get(name, summed[name] if name in keys else None) for name in ALIASES.names], ALIASES
    )
    _write(path, table, ALIASES_PER_GROUP, ["folded"])
    return True


def count_links(page_ids: Numbers, counted: Iterable[tuple[Numbers, Numbers]]) -> Numbers:
    """Return how many anchors lead to each of `page_ids`, which ascend, from the counts of all parts."""
    total = np.zeros(len(page_ids), np.int64)
    for pages, links in counted:
        total[np.searchsorted(page_ids, pages)] += links
    return total


def write_entities(pages: Path, images: Path | None, links: Numbers, types: Path | None, path: Path) -> None:
    """Write the entities of one part of the table of pages to `path`.

    Args:
        pages: the part.
        images: the part of the table of image links that holds the same pages, where there is one.
        links: of every page, in order, how many anchors lead to it.
        types: the map of types (`pipelines.entities.types`), where there is one.
    """
    with open_parquet(pages) as file:
        wanted = ["page_id", "title", "wikidata_id", "disambiguation", "introduction", "page_image"]
        there = [name for name in wanted if name in file.schema_arrow.names]
        table = file.read(columns=there, use_threads=False)
    nothing: list[Any] = [None] * len(table)
    first = _first_images(images) if images is not None else {}
    chosen = table["page_image"].to_pylist() if "page_image" in there else nothing
    ids = table["page_id"].to_pylist()
    lengths = [len(strip(text).strip()) for text in table["introduction"].to_pylist()]
    items = table["wikidata_id"].to_pylist() if "wikidata_id" in there else []
    columns = {
        "page_id": ids,
        "title": table["title"],
        "wikidata_id": table["wikidata_id"] if "wikidata_id" in there else nothing,
        "disambiguation": table["disambiguation"],
        "in_links": links,
        "introduction_length": lengths,
        "image": [own or first.get(page_id) for own, page_id in zip(chosen, ids, strict=True)],
        "types": nothing if types is None or not items else types_of(types, items),
    }
    arrays = [_array(columns[field.name], field.type) for field in ENTITIES]
    _write(path, pa.table(arrays, schema=ENTITIES), ENTITIES_PER_GROUP, ["page_id"])


def _array(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.array(values, kind)


def _first_images(path: Path) -> dict[int, str]:
    table = pq.read_table(path, columns=["page_id", "file"], use_threads=False)
    first: dict[int, str] = {}
    for page_id, file in zip(table["page_id"].to_pylist(), table["file"].to_pylist(), strict=True):
        first.setdefault(page_id, file)
    return first


def _runs(column: pa.ChunkedArray) -> Numbers:
    """Return of every row of a sorted column the number of its value."""
    changes = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy()
    return np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    share: npt.NDArray[np.float64] = np.divide(
        part, whole, out=np.zeros(len(part), np.float64), where=whole > 0, dtype=np.float64
    )
    return share


def _write(path: Path, table: pa.Table, rows: int, statistics: list[str]) -> None:
    with replacing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=rows,
            write_statistics=statistics,
            use_dictionary=False,
        )
