"""Arrow schemas of a retrieval cache's tables, and the rules for its rows (see docs/retrieval-cache.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.errors import UserError
from kc_schema.hit import Hit

__all__ = [
    "EXAMPLES",
    "FEATURES",
    "HITS",
    "NO_RELATION",
    "OPTIONAL",
    "CacheError",
    "HitsByExample",
    "check_examples",
    "check_features",
    "check_hits",
    "table_of_examples",
    "table_of_features",
    "table_of_hits",
]


NO_RELATION = "None"
"""The relation that stands for none where a cache names no other."""


class CacheError(UserError, ValueError):
    """A cache that cannot be read, or rows that do not belong into one; the message names file and row."""


def _schema(fields: Mapping[str, tuple[pa.DataType, bool, str]]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(name, kind, nullable=nullable, metadata={"description": description})
            for name, (kind, nullable, description) in fields.items()
        ]
    )


# Parquet knows lists of one kind only, and Arrow cannot read a null back as a list of fixed size: spans and
# vectors are plain lists on disk, whose length is checked here and stands in the manifest.
SPAN = pa.list_(pa.int32())
VECTOR = pa.list_(pa.float16())

EXAMPLES = _schema(
    {
        "example_id": (pa.string(), False, "unique within the split, the same in every build"),
        "task": (pa.string(), False, "ner | re"),
        "tokens": (pa.list_(pa.string()), False, "the words as the data set divides them"),
        "labels": (pa.list_(pa.string()), True, "NER: one BIO or BIOES label a token, as in the data set"),
        "relation": (pa.string(), True, "RE: the gold relation, 'None' for no relation"),
        "subject": (SPAN, True, "RE: [start, end) of the subject (MNRE's h) in tokens"),
        "object": (SPAN, True, "RE: [start, end) of the object (MNRE's t) in tokens"),
        "image": (pa.string(), True, "file name of the example's image; null without a readable one"),
    }
)
HITS = _schema(
    {
        "example_id": (pa.string(), False, "the example that was asked for"),
        "rank": (pa.int32(), False, "place among the example's hits, from 0, best first"),
        "score": (
            pa.float32(),
            False,
            "the retriever's score, higher is better; not comparable over sources",
        ),
        "key": (pa.string(), False, "what matched: the sentence, or the image's file name"),
        "title": (pa.string(), False, "title of the page that the evidence is from"),
        "text": (pa.string(), False, "the evidence: a paragraph or an introduction, anchors as tags"),
        "record_id": (pa.int64(), False, "paragraph_id or image_id of the snapshot; -1 without a record"),
    }
)
OPTIONAL = {
    "box": pa.list_(pa.float32()),
    "crop": pa.string(),
    "agreement": pa.float32(),
    "leak": pa.bool_(),
    "wikidata_id": pa.string(),
    "types": pa.list_(pa.string()),
}
"""Further columns of hits that a build may write, fields of `kc_schema.hit.Hit`."""
FEATURES = _schema(
    {
        "example_id": (pa.string(), False, "the example"),
        "text_vector": (VECTOR, True, "r_T: the sentence's vector, L2-normalised"),
        "text_norm": (pa.float32(), True, "length of the sentence's vector before normalisation"),
        "image_vector": (VECTOR, True, "r_I: the image's vector; null without an image"),
        "image_norm": (pa.float32(), True, "length of the image's vector before normalisation"),
    }
)
"""A column of vectors has one width, the encoder's (512 for CLIP ViT-B/32), noted in the manifest."""

_LABEL = re.compile(r"O|[BIES]-\S+")
_DEFAULTS: Mapping[str, Any] = {"score": 0.0, "key": "", "title": "", "record_id": -1}
# float16 carries 11 bits, so a vector of length 1 comes back a little longer or shorter.
_NORM_TOLERANCE = 5e-3

Given: TypeAlias = "pa.Table | Iterable[Mapping[str, Any]]"
HitsByExample: TypeAlias = "Mapping[str, Sequence[Hit]]"
"""Example id -> its hits, best first."""


def _with_schema(given: Given, schema: pa.Schema, where: str) -> pa.Table:
    """Return the table with the schema's columns first, in its order and types, then any further columns."""
    table = given if isinstance(given, pa.Table) else _table_of_rows(given, schema, where)
    columns: dict[str, Any] = {}
    for field in schema:
        if field.name in table.column_names:
            column = table.column(field.name)
        elif field.nullable:
            column = pa.nulls(table.num_rows, field.type)
        else:
            raise CacheError(f"{where}: the column {field.name!r} is missing")
        try:
            columns[field.name] = column.cast(field.type)
        except pa.ArrowException as error:
            raise CacheError(f"{where}: column {field.name!r} does not fit {field.type}: {error}") from error
        if not field.nullable and column.null_count:
            raise CacheError(f"{where}: column {field.name!r} is null in {column.null_count} rows")
    further = [name for name in table.column_names if name not in columns]
    fields = [*schema, *(table.schema.field(name).remove_metadata() for name in further)]
    return pa.table([*columns.values(), *(table.column(name) for name in further)], schema=pa.schema(fields))


def _table_of_rows(rows: Iterable[Mapping[str, Any]], schema: pa.Schema, where: str) -> pa.Table:
    listed = [dict(row) for row in rows]
    names = list(dict.fromkeys(name for row in listed for name in row)) or list(schema.names)
    arrays = []
    for name in names:
        values = [row.get(name) for row in listed]
        kind = schema.field(name).type if name in schema.names else None
        try:
            arrays.append(pa.array(values, kind))
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise CacheError(f"{where}: column {name!r}: {error}") from error
    return pa.table(arrays, names=names)


def table_of_examples(given: Given) -> pa.Table:
    """Return `given` with the columns and types of `EXAMPLES`.

    Raises:
        CacheError: a column is missing or does not fit its type.
    """
    return _with_schema(given, EXAMPLES, "examples")


def table_of_hits(
    given: Given | HitsByExample, example_ids: Sequence[str], where: str, optional: Sequence[str] = ()
) -> pa.Table:
    """Return hits with the columns and types of `HITS`, sorted by the order of the examples and by rank.

    Args:
        given: hits by example; or a table or rows with at least ``example_id`` and ``text``.
        example_ids: of the split, in order.
        where: names the table in errors.
        optional: of hits by example, the columns of `OPTIONAL` to write.

    Raises:
        CacheError: an example is unknown, or a column is missing or does not fit its type.
    """
    if isinstance(given, Mapping):
        given = _columns_of_hits(given, optional, where)
    elif not isinstance(given, pa.Table):
        given = _complete_hits(given, where)
    table = _with_schema(given, HITS, where)
    order = pa.array(example_ids, pa.string())
    places = pc.index_in(table.column("example_id"), value_set=order)
    if places.null_count:
        unknown = table.filter(pc.is_null(places)).column("example_id")[0].as_py()
        raise CacheError(f"{where}: example {unknown!r} is not among the split's {len(order)} examples")
    keys = pa.table({"place": places, "rank": table.column("rank")})
    # Explicit, so that rows that are in order already are not copied.
    by = pc.sort_indices(keys, sort_keys=[("place", "ascending"), ("rank", "ascending")])
    return table.take(by).combine_chunks()


def _columns_of_hits(found: HitsByExample, optional: Sequence[str], where: str) -> pa.Table:
    rows = [(example_id, hit) for example_id, hits in found.items() for hit in hits]
    columns = {"example_id": pa.array([example_id for example_id, _ in rows], pa.string())}
    kinds = {name: HITS.field(name).type for name in HITS.names[1:]} | {n: OPTIONAL[n] for n in optional}
    for name, kind in kinds.items():
        try:
            columns[name] = pa.array([getattr(hit, name) for _, hit in rows], kind)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise CacheError(f"{where}: column {name!r}: {error}") from error
    return pa.table(columns)


def _complete_hits(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[Mapping[str, Any]]:
    counted: Counter[object] = Counter()
    for row in rows:
        if isinstance(row, Hit):
            raise CacheError(f"{where}: a hit does not say whose it is; give example id -> list of hits")
        example_id = row.get("example_id")
        yield {"rank": counted[example_id], **_DEFAULTS, **row}
        counted[example_id] += 1


def table_of_features(given: Given, example_ids: Sequence[str], where: str) -> pa.Table:
    """Return `given` as a table of features: vectors as fixed-size lists of float16, each with its norm.

    Rows come out in the order of the examples.

    Raises:
        CacheError: examples are missing, unknown or doubled, or a column is no column of vectors.
    """
    if not isinstance(given, pa.Table):
        rows = [
            {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}
            for row in given
        ]
        given = _table_of_rows(rows, pa.schema([EXAMPLES.field("example_id")]), where)
    if "example_id" not in given.column_names:
        raise CacheError(f"{where}: the column 'example_id' is missing")
    given = _in_order(given, example_ids, where)
    columns: dict[str, Any] = {"example_id": given.column("example_id").cast(pa.string())}
    vector_names = [name for name in given.column_names if name.endswith("_vector")]
    for name in dict.fromkeys(["text_vector", "image_vector", *vector_names]):
        norm_name = name.removesuffix("_vector") + "_norm"
        norms = given.column(norm_name) if norm_name in given.column_names else None
        column = given.column(name) if name in given.column_names else pa.nulls(given.num_rows, pa.null())
        columns[name], columns[norm_name] = _vectors(column, norms, f"{where}: {name}")
    further = [name for name in given.column_names if name not in columns]
    return pa.table(columns | {name: given.column(name) for name in further})


def _in_order(table: pa.Table, example_ids: Sequence[str], where: str) -> pa.Table:
    given = table.column("example_id").to_pylist()
    place = {example_id: row for row, example_id in enumerate(given)}
    missing = [example_id for example_id in example_ids if example_id not in place]
    if missing or len(given) != len(example_ids):
        what = f"{missing[0]!r} is missing" if missing else "an example is unknown or comes twice"
        raise CacheError(f"{where}: {len(given)} rows for {len(example_ids)} examples: {what}")
    return table.take([place[example_id] for example_id in example_ids]).combine_chunks()


def _vectors(column: Any, norms: Any | None, where: str) -> tuple[Any, Any]:
    """Return a column of vectors as float16 of length 1, and their norms (computed where `norms` is None)."""
    rows = column.to_pylist()
    widths = {len(row) for row in rows if row is not None}
    if len(widths) > 1 or 0 in widths:
        raise CacheError(f"{where}: vectors of {sorted(widths)} numbers; they must be of one width")
    if not widths:
        return pa.nulls(len(rows), VECTOR), pa.nulls(len(rows), pa.float32())
    values = np.array([row for row in rows if row is not None], dtype=np.float64)
    if not np.isfinite(values).all():
        raise CacheError(f"{where}: a vector holds a number that is not finite")
    if norms is None:
        lengths = np.linalg.norm(values, axis=1)
        values = values / np.where(lengths > 0, lengths, 1.0)[:, None]
        known = iter(lengths)
        norms = pa.array([None if row is None else next(known) for row in rows], pa.float32())
    short = iter(values.astype(np.float16))
    return pa.array([None if row is None else next(short) for row in rows], VECTOR), norms.cast(pa.float32())


def check_examples(table: pa.Table, task: str, where: str) -> None:
    """Raise CacheError where a row breaks the rules of `docs/retrieval-cache.md`, naming the example."""
    seen: set[str] = set()
    for row in table.select(EXAMPLES.names).to_pylist():
        at = f"{where}: example {row['example_id']!r}"
        if row["example_id"] in seen:
            raise CacheError(f"{at}: the id comes twice")
        seen.add(row["example_id"])
        if row["task"] != task:
            raise CacheError(f"{at}: task {row['task']!r} in a cache for {task!r}")
        if not row["tokens"]:
            raise CacheError(f"{at}: no tokens")
        if task == "ner":
            _check_labels(row, at)
        else:
            _check_relation(row, at)


def _check_labels(row: Mapping[str, Any], at: str) -> None:
    labels = row["labels"]
    if labels is None or len(labels) != len(row["tokens"]):
        raise CacheError(f"{at}: {len(labels or ())} labels for {len(row['tokens'])} tokens")
    for place, label in enumerate(labels):
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            raise CacheError(f"{at}: label {label!r} at token {place} is neither O nor B-, I-, E- or S-TYPE")


def _check_relation(row: Mapping[str, Any], at: str) -> None:
    if not row["relation"]:
        raise CacheError(f"{at}: no relation; write {NO_RELATION!r} for no relation")
    for name in ("subject", "object"):
        span = row[name]
        if span is None or len(span) != 2 or not 0 <= span[0] < span[1] <= len(row["tokens"]):
            raise CacheError(f"{at}: {name} {span} does not lie in its {len(row['tokens'])} tokens")


def check_hits(table: pa.Table, where: str) -> None:
    """Raise CacheError for a rank below 0 or twice in an example, or a score that is not finite.

    The table is sorted by example and rank, as `table_of_hits` gives it.
    """
    ids = table.column("example_id").to_pylist()
    ranks = table.column("rank").to_pylist()
    for row, (example_id, rank) in enumerate(zip(ids, ranks, strict=True)):
        if rank < 0:
            raise CacheError(f"{where}: example {example_id!r}: rank {rank} lies below 0")
        if row and (example_id, rank) == (ids[row - 1], ranks[row - 1]):
            raise CacheError(f"{where}: example {example_id!r}: rank {rank} comes twice")
    finite = np.isfinite(table.column("score").to_numpy())
    if not finite.all():
        example_id = ids[int(np.argmin(finite))]
        raise CacheError(f"{where}: example {example_id!r}: a score is not a finite number")


def check_features(table: pa.Table, where: str) -> dict[str, int]:
    """Return vector column -> width, over the columns that hold any vector.

    Raises:
        CacheError: a vector is neither of length 1 nor zero, or its norm is missing.
    """
    widths: dict[str, int] = {}
    for name in table.column_names:
        if not name.endswith("_vector") or table.column(name).null_count == table.num_rows:
            continue
        column = table.column(name).combine_chunks()
        norms = table.column(name.removesuffix("_vector") + "_norm").combine_chunks()
        widths[name] = len(column.drop_null()[0])
        values = column.drop_null().flatten().to_numpy(zero_copy_only=False).astype(np.float64)
        lengths = np.linalg.norm(values.reshape(-1, widths[name]), axis=1)
        if ((np.abs(lengths - 1) > _NORM_TOLERANCE) & (lengths > 0)).any():
            raise CacheError(
                f"{where}: {name} holds vectors with a norm beside them that are not of length 1"
            )
        if not np.array_equal(np.asarray(column.is_valid()), np.asarray(norms.is_valid())):
            raise CacheError(f"{where}: {name} and its norms are not null in the same rows")
    return widths
