"""Writes tables of MediaWiki's database as mysqldump does: ``INSERT`` statements of many rows on a line.

write_page_props(folder / "testwiki-20250101-page_props.sql.gz", {7: {"wikibase_item": "Q42"}})
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

HEAD = """\
-- MySQL dump 10.19  Distrib 10.3.38-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 10.64.0.1    Database: {database}
-- ------------------------------------------------------
/*!40101 SET NAMES binary */;

--
-- Table structure for table `{table}`
--

DROP TABLE IF EXISTS `{table}`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `{table}` (
{columns},
  PRIMARY KEY (`pp_page`,`pp_propname`),
  UNIQUE KEY `pp_propname_page` (`pp_propname`,`pp_page`)
) ENGINE=InnoDB DEFAULT CHARSET=binary;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `{table}`
--

/*!40000 ALTER TABLE `{table}` DISABLE KEYS */;
"""
TAIL = "/*!40000 ALTER TABLE `{table}` ENABLE KEYS */;\n\n-- Dump completed on 2025-01-02 10:00:00\n"
COLUMNS = {
    "pp_page": "int(10) unsigned NOT NULL",
    "pp_propname": "varbinary(60) NOT NULL DEFAULT ''",
    "pp_value": "blob NOT NULL",
    "pp_sortkey": "float DEFAULT NULL",
}
_ESCAPES = {0: rb"\0", 10: rb"\n", 13: rb"\r", 26: rb"\Z", 34: rb"\"", 39: rb"\'", 92: rb"\\"}

Value = int | float | bytes | None


def spell(value: Value) -> bytes:
    """A value as mysqldump writes it."""
    if value is None:
        return b"NULL"
    if isinstance(value, bytes):
        return b"'" + b"".join(_ESCAPES.get(byte, bytes([byte])) for byte in value) + b"'"
    return repr(value).encode()


def table_text(
    rows: Iterable[Sequence[Value]],
    *,
    table: str = "page_props",
    columns: Mapping[str, str] = COLUMNS,
    rows_per_statement: int = 1000,
) -> bytes:
    """The whole text of a table's file."""
    described = ",\n".join(f"  `{name}` {kind}" for name, kind in columns.items())
    spelled = [b"(" + b",".join(map(spell, row)) + b")" for row in rows]
    statements = [
        f"INSERT INTO `{table}` VALUES ".encode()
        + b",".join(spelled[start : start + rows_per_statement])
        + b";\n"
        for start in range(0, len(spelled), rows_per_statement)
    ]
    head = HEAD.format(table=table, columns=described, database="testwiki").encode()
    return head + b"".join(statements) + TAIL.format(table=table).encode()


def write_page_props(
    path: Path, pages: Mapping[int, Mapping[str, str | bytes]], *, rows_per_statement: int = 1000
) -> Path:
    """Write the properties of pages by id, gzipped where the name says so; give the path."""
    rows = [
        (page_id, name.encode(), value if isinstance(value, bytes) else value.encode(), None)
        for page_id, properties in sorted(pages.items())
        for name, value in sorted(properties.items())
    ]
    text = table_text(rows, rows_per_statement=rows_per_statement)
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path
