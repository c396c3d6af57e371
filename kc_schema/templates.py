"""Pages from Jinja templates that lie beside the code: one way to set them up, strict and escaped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["open_templates"]


def open_templates(folder: Path, *, autoescape: bool = True) -> Environment:
    """Return the templates of a folder: a name that is not given is an error, blocks leave no blank lines.

    Args:
        folder: where they lie.
        autoescape: whether all that is put in is escaped for HTML.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
