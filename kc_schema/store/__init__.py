"""Work on disk, or in object storage, that survives a kill: the one floor on which everything stands that writes.

A `Place` is a folder with one writer; a `Step` is work whose result is kept for its inputs; a `Part` is a
file with its rows and checksum; `Rows` reads rows of parts by id. Nothing else locks, renames or says "done". All of
it takes paths of this machine and addresses of object storage (`as_path`); nothing else knows about the latter.
"""

from __future__ import annotations

from kc_schema.store.byte_ranges import ByteRanges
from kc_schema.store.files import (
    Part,
    checksum,
    describe_part,
    explain_file_errors,
    files_beneath,
    fingerprint,
    link_or_copy,
    local_copy,
    may_write,
    parts_listed,
    put_folder,
    read_json,
    remove,
    replacing,
    sizes,
    switch_link,
    temporary_folder,
    to_json,
    write_atomically,
    write_json,
    write_text,
)
from kc_schema.store.lease import LeaseLostError
from kc_schema.store.object_path import (
    ObjectPath,
    as_path,
    find_matching,
    find_named,
    is_address,
    progress_interval,
)
from kc_schema.store.object_storage import ObjectStorageError, may_fork
from kc_schema.store.parquet import open_parquet, read_footer, read_parquet
from kc_schema.store.place import WORK, Place, PlaceBusyError
from kc_schema.store.rows import Rows, list_row_groups
from kc_schema.store.step import Step

__all__ = [
    "WORK",
    "ByteRanges",
    "LeaseLostError",
    "ObjectPath",
    "ObjectStorageError",
    "Part",
    "Place",
    "PlaceBusyError",
    "Rows",
    "Step",
    "as_path",
    "checksum",
    "describe_part",
    "explain_file_errors",
    "files_beneath",
    "find_matching",
    "find_named",
    "fingerprint",
    "is_address",
    "link_or_copy",
    "list_row_groups",
    "local_copy",
    "may_fork",
    "may_write",
    "open_parquet",
    "parts_listed",
    "progress_interval",
    "put_folder",
    "read_footer",
    "read_json",
    "read_parquet",
    "remove",
    "replacing",
    "sizes",
    "switch_link",
    "temporary_folder",
    "to_json",
    "write_atomically",
    "write_json",
    "write_text",
]
