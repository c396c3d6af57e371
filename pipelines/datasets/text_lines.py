"""Lines of a file in UTF-8, as the data sets use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.datasets.errors import DatasetError, malformed
from pipelines.datasets.quirks import Quirks

__all__ = ["read_bytes", "read_lines"]


def read_bytes(path: Path) -> bytes:
    """Gives a file's bytes.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def read_lines(path: Path, split: str, quirks: Quirks) -> Iterator[tuple[int, str]]:
    r"""Gives number (from 1) and text of every line, without its end.

    Lines end at ``\n`` and nowhere else: tokens may be U+0085 or U+2028, at which `str.splitlines` divides.

    Raises:
        DatasetError: the file cannot be read, or a line is not UTF-8.
    """
    content = read_bytes(path)
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
        quirks.count("byte order mark", split, f"{path.name}: line 1")
    lines = content.split(b"\n")
    if lines[-1]:
        quirks.count("no newline at the end of the file", split, f"{path.name}: line {len(lines)}")
    else:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\r"):
            line = line[:-1]
            quirks.count("Windows line ends", split, f"{path.name}: line {number}")
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {error.start + 1} is not UTF-8 ({error.reason}); convert the file to UTF-8"
            raise malformed(path, number, reason) from error
