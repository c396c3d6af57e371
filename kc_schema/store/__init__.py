"""Work on disk that survives a kill: the one floor on which everything stands that writes.

A `Place` is a folder with one writer; a `Step` is work whose result is kept for its inputs; a `Part` is a
file with its rows and checksum; `Rows` reads rows of parts by id. Nothing else locks, renames or says "done".
"""

from __future__ import annotations

from kc_schema.store.files import (
    Part,
    checksum,
    describe_part,
    explain_file_errors,
    fingerprint,
    parts_listed,
    read_json,
    replacing,
    to_json,
    write_atomically,
    write_json,
    write_text,
)
from kc_schema.store.place import WORK, Place, PlaceBusyError
from kc_schema.store.rows import Rows, list_row_groups
from kc_schema.store.step import Step

__all__ = [
    "WORK",
    "Part",
    "Place",
    "PlaceBusyError",
    "Rows",
    "Step",
    "checksum",
    "describe_part",
    "explain_file_errors",
    "fingerprint",
    "list_row_groups",
    "parts_listed",
    "read_json",
    "replacing",
    "to_json",
    "write_atomically",
    "write_json",
    "write_text",
]
