"""A dump of Wikidata read as a stream: which classes each item is an instance of.

The dump is one JSON array with an entity on each line
(https://www.wikidata.org/wiki/Wikidata:Database_download#JSON_dumps_(recommended)); the model of its entities is
https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from pipelines.dump.errors import DumpError

__all__ = ["ClassNames", "read_instances"]

_LONGEST_LINE = 1 << 27
_INSTANCE_OF = "P31"
_CLASS = b'"P279"'
"""Stands in the line of an item that is a subclass of something: of all that may be a type."""
_EVERY_LANGUAGE = "mul"


class _Value(msgspec.Struct):
    id: str = ""


class _DataValue(msgspec.Struct):
    value: _Value | None = None


class _Snak(msgspec.Struct):
    snaktype: str = ""
    datavalue: _DataValue | None = None


class _Claim(msgspec.Struct):
    mainsnak: _Snak = msgspec.field(default_factory=_Snak)
    rank: str = "normal"


class _Claims(msgspec.Struct):
    instance_of: list[_Claim] = msgspec.field(default_factory=list, name=_INSTANCE_OF)


class _Label(msgspec.Struct):
    value: str = ""


class _Entity(msgspec.Struct):
    id: str = ""
    labels: dict[str, _Label] | list[int] = msgspec.field(default_factory=dict)
    claims: _Claims | list[int] = msgspec.field(default_factory=_Claims)
    """PHP writes an empty map as an empty list."""


@dataclass(frozen=True, slots=True)
class ClassNames:
    """What is done with the names of classes that are met on the way."""

    language: str
    """Code of a language, such as en; a name for all languages stands in for one that is missing."""
    keep: Callable[[str, str], object]
    """Takes a class and its name."""

    def tell(self, entity: _Entity) -> None:
        """Keep the name of a class, if it has one."""
        labels = entity.labels if isinstance(entity.labels, dict) else {}
        label = labels.get(self.language) or labels.get(_EVERY_LANGUAGE)
        if label is not None and label.value:
            self.keep(entity.id, label.value)


def read_instances(
    path: Path,
    wiki: str | None,
    counts: Counter[str],
    progress: Callable[[int], None] = lambda _: None,
    names: ClassNames | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """Yield items and the classes that they are instances of, by preferred rank where there is one.

    Args:
        path: ``.json``, ``.json.gz`` or ``.json.bz2``.
        wiki: only items with a page in this wiki (``enwiki``), which are found without reading the others.
        counts: is told of items, and of lines that were left out, by reason.
        progress: takes bytes of the file as they lie on the disk.
        names: is told of the names of classes, those without a page in the wiki among them.

    Raises:
        DumpError: the file cannot be read, is cut off, or no line of it is an item; the place is named.
    """
    page = f'"site":"{wiki}"'.encode() if wiki else b""
    decoder = msgspec.json.Decoder(_Entity)
    told = 0
    try:
        with path.open("rb") as raw, _unpacked(raw) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if not number % 1024:
                    progress(raw.tell() - told)
                    told = raw.tell()
                line = line.strip().rstrip(b",")
                if line in (b"", b"[", b"]"):
                    continue
                counts["lines"] += 1
                is_wanted = page in line
                is_class = names is not None and _CLASS in line
                if not is_wanted and not is_class:
                    continue
                try:
                    entity = decoder.decode(line)
                except (msgspec.MsgspecError, RecursionError) as error:
                    if counts["lines"] == 1:
                        raise DumpError(
                            f"{path}: line {number} is no entity of Wikidata ({error})"
                        ) from error
                    counts["lines that are no entity"] += 1
                    continue
                if names is not None and is_class and entity.id.startswith("Q"):
                    names.tell(entity)
                if is_wanted and entity.id.startswith("Q"):
                    counts["items"] += 1
                    if types := _classes(entity):
                        yield entity.id, types
    except (OSError, EOFError, zlib.error) as error:
        raise DumpError(
            f"{path}: cannot be read behind {counts['lines']:,} lines ({error}); is it whole?"
        ) from error
    if not counts["lines"]:
        raise DumpError(f"{path}: holds no line; give a JSON dump of Wikidata")


def _unpacked(raw: BinaryIO) -> BinaryIO:
    head = raw.read(3)
    raw.seek(0)
    if head[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    return cast("BinaryIO", bz2.BZ2File(raw)) if head == b"BZh" else raw


def _classes(entity: _Entity) -> list[str]:
    if isinstance(entity.claims, list):
        return []
    claims = [
        (claim.rank, claim.mainsnak.datavalue.value.id)
        for claim in entity.claims.instance_of
        if claim.rank != "deprecated"
        and claim.mainsnak.datavalue is not None
        and claim.mainsnak.datavalue.value is not None
    ]
    best = [item for rank, item in claims if rank == "preferred"] or [item for _, item in claims]
    return [item for item in dict.fromkeys(best) if item]
