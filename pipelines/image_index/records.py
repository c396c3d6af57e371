"""The table of records: one row for every file of the plan, with what came of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.files import write_atomically
from kc_schema.image_tables import RECORDS
from kc_schema.snapshot import checksum
from pipelines.image_index.layout import Layout

__all__ = ["Row", "outcome_row", "read_records", "write_records"]

Row = dict[str, Any]

_ROWS_PER_GROUP = 1024


def outcome_row(image: int, file: str, outcome: Mapping[str, Any]) -> Row:
    """Gives the record of a file from what came of it (an `Outcome`'s fields, with ``bytes``)."""
    return {
        "image_id": image,
        "file": file,
        "status": "failed" if outcome["error"] else "ok",
        **{name: outcome[name] for name in RECORDS.names[2:] if name != "status"},
    }


def read_records(layout: Layout, number: int) -> dict[int, Row]:
    """Gives the records of a part by id; none where there is no such part yet."""
    path = layout.part("records", number)
    if not path.is_file():
        return {}
    return {row["image_id"]: row for row in pq.read_table(path).to_pylist()}


def write_records(layout: Layout, number: int, rows: Sequence[Row], fingerprint: str) -> dict[str, Any]:
    """Writes the records of a part and the state of the step; gives the state."""
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["image_id"])), schema=RECORDS)
    path = layout.part("records", number)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path,
        lambda temporary: pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=_ROWS_PER_GROUP,
            use_dictionary=["status", "error", "mime"],
        ),
    )
    digest = hashlib.sha256()
    for row in table.to_pylist():
        if row["status"] == "ok":
            digest.update(f"{row['image_id']} {row['sha256']}\n".encode())
    state = {
        "fingerprint": fingerprint,
        "parts": [
            {
                "file": f"records/{path.name}",
                "rows": len(table),
                "bytes": path.stat().st_size,
                "sha256": checksum(path),
            }
        ],
        "digest": digest.hexdigest(),
        "ok": sum(row["status"] == "ok" for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "failed": dict(sorted(Counter(row["error"] for row in rows if row["error"]).items())),
    }
    layout.write_state("records", number, state)
    return state
