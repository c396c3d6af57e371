"""What goes wrong with a dump, told so that the reader knows which file, where in it, and what to do."""

from __future__ import annotations

import re

from kc_schema.errors import UserError

__all__ = ["DumpError", "TruncatedDumpError"]


class DumpError(UserError):
    """A dump that cannot be read; the message names the file, the place in it and the way out."""


class TruncatedDumpError(DumpError):
    """A dump that ends before its end; what stands before the cut can be kept (``--allow-truncated``)."""


UTF_16 = re.compile(rb"\xff\xfe|\xfe\xff|<\0|\0<")
"""What a text in UTF-16 begins with: its mark, or the first character of XML."""
IN_UTF_16 = "is in UTF-16: dumps are in UTF-8, convert it"


def no_export(path: str, start: bytes) -> DumpError:
    """Return the error of a file whose text, unpacked, begins with `start` and holds no export of MediaWiki there."""
    if UTF_16.match(start):
        return DumpError(f"{path}: {IN_UTF_16}")
    what = f"it starts with {start[:40]!r}" if start else "it holds nothing"
    return DumpError(
        f"{path}: byte 0: no <mediawiki> at the start of the text, {what}; give an XML export of MediaWiki"
    )
