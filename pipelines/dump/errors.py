"""What goes wrong with a dump, told so that the reader knows which file, where in it, and what to do."""

from __future__ import annotations

from kc_schema.errors import UserError

__all__ = ["DumpError", "TruncatedDumpError"]


class DumpError(UserError):
    """A dump that cannot be read; the message names the file, the place in it and the way out."""


class TruncatedDumpError(DumpError):
    """A dump that ends before its end; what stands before the cut can be kept (``--allow-truncated``)."""
