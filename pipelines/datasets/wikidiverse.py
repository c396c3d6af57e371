"""WikiDiverse: captions of news pictures with linked mentions, read as NER by character offsets.

A file is one JSON list of ``[text, image address, topic, [[mention, type, start, end, entity address], ...]]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from kc_schema.retrieval_cache import Example
from pipelines.datasets.dataset import DatasetError, Quirks, malformed
from pipelines.datasets.files import read_bytes
from pipelines.datasets.tokens import Mention, count_token_quirks, label_text, with_underscores

__all__ = ["image_names", "read_wikidiverse"]


def read_wikidiverse(
    path: Path, split: str, quirks: Quirks, other_image_names: dict[str, tuple[str, ...]]
) -> list[Example]:
    """Read a file of WikiDiverse; other names of its images are put into `other_image_names`.

    Raises:
        DatasetError: the file cannot be read or is not JSON (the line is named), or an entry is not one (its
            number, from 1, is named).
    """
    examples: list[Example] = []
    for number, entry in enumerate(_entries(path), start=1):
        place = f"{path.name}: entry {number}"
        text, address, mentions = _checked(path, number, entry, split, quirks)
        tokens, labels = label_text(text, mentions, split, place, quirks)
        if not tokens:
            quirks.count("post without tokens", split, place)
            continue
        names = image_names(address)
        if not names:
            quirks.count("post without an image", split, place)
        elif len(names) > 1:
            other_image_names[names[0]] = names[1:]
        count_token_quirks(tokens, split, place, quirks)
        identity = f"{split}-{len(examples)}"
        image = names[0] if names else None
        examples.append(Example(identity, tuple(tokens), labels=tuple(labels), image=image))
    if not examples:
        raise DatasetError(f"{path}: no entries; is this the right file?")
    return examples


def image_names(address: str) -> tuple[str, ...]:
    """Return the names under which the image at an address may lie in a folder, the likeliest first.

    The release's own pictures are named by the MD5 of the last part of the address, drawings as PNG; copies
    that were fetched again carry the file's name.
    """
    name = PurePosixPath(address.strip()).name
    if not name:
        return ()
    suffix = PurePosixPath(name).suffix
    rendered = ".png" if suffix.lower() == ".svg" else suffix
    hashed = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() + rendered
    return tuple(dict.fromkeys((hashed, unquote(name), name)))


def _entries(path: Path) -> Iterator[Any]:
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise malformed(path, error.lineno, f"not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        line = read_bytes(path)[: error.start].count(b"\n") + 1
        raise malformed(path, line, f"not UTF-8 ({error.reason}); convert the file to UTF-8") from error
    except RecursionError as error:
        raise DatasetError(f"{path}: nested too deeply to be a list of entries") from error
    if not isinstance(content, list):
        raise DatasetError(f"{path}: not a JSON list of entries")
    return iter(content)


def _checked(
    path: Path, number: int, entry: Any, split: str, quirks: Quirks
) -> tuple[str, str, list[Mention]]:
    where = f"{path}: entry {number}"
    if not isinstance(entry, list) or len(entry) < 4 or not isinstance(entry[0], str):
        raise DatasetError(f"{where}: not [text, image address, topic, mentions]")
    address = "" if entry[1] is None else entry[1]
    if not isinstance(address, str) or not isinstance(entry[3], list):
        raise DatasetError(f"{where}: the image address is no text, or the mentions are no list")
    mentions = []
    for place, mention in enumerate(entry[3], start=1):
        good = isinstance(mention, list) and len(mention) >= 4
        if not good or not all(isinstance(value, kind) for value, kind in zip(mention, _MENTION)):  # noqa: B905
            raise DatasetError(f"{where}: mention {place} is not [mention, type, start, end, entity address]")
        kind = with_underscores(mention[1], split, f"{path.name}: entry {number}", quirks)
        if not kind:
            raise DatasetError(f"{where}: mention {place} has no type")
        mentions.append(Mention(mention[2], mention[3], kind, mention[0]))
    return entry[0], address, mentions


_MENTION = (str, str, int, int)
