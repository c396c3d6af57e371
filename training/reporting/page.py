"""The report as Markdown and as one HTML page that needs no other file: their templates lie beside."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kc_schema.charts import Figure
from kc_schema.templates import open_templates
from training.reporting.cases import Case
from training.reporting.tables import Table

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["ReportPage"]

_GREATEST_PICTURE = 2 << 20
_POINTS = 8
"""Points of a line that Markdown shows at most; the page draws all of them."""

# What begins something in the middle of a line of Markdown; an underscore does so only at the edge of a word.
_MARKUP = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")
_LINK = re.compile(r"(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)
_BLOCK = re.compile(r"^(?=[#+=-])|^(\d+)(?=[.)])")


@dataclass(frozen=True)
class ReportPage:
    """What a report shows."""

    title: str
    about: Sequence[str]
    """Lines about the run."""
    tables: Sequence[Table]
    figures: Sequence[Figure]
    cases: Sequence[Case]

    def html(self, pictures: Path | None) -> str:
        """Return the page; pictures of the cases are put into it where the folder `pictures` holds them."""
        template = _template("report.html.j2", autoescape=True)
        return template.render(page=self, picture_of=lambda name: _picture(name, pictures))

    def markdown(self) -> str:
        """Return the report as Markdown, text from data as text: each of it goes through `text` or `block`."""
        template = _template("report.md.j2", autoescape=False)
        return template.render(page=self, points=_POINTS)


def _template(name: str, *, autoescape: bool) -> Template:
    templates = open_templates(Path(__file__).parent, autoescape=autoescape)
    templates.filters |= {"text": _text, "block": _block}
    return templates.get_template(name)


def _text(text: str) -> str:
    """Return text so that Markdown shows it as it is, in one line: no element, no link, no column of its own."""
    line = " ".join(text.split())
    line = _MARKUP.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", line)
    return _LINK.sub(lambda found: f"\\{found[0]}", line)


def _block(text: str) -> str:
    """Return text as `_text` does, for the beginning of a paragraph, a list entry or a quotation."""
    line = _text(text)
    return _BLOCK.sub(lambda found: f"{found[1]}\\" if found[1] else "\\", line)


def _picture(name: str | None, folder: Path | None) -> str:
    """Return the picture as a data URI, empty where there is none to show."""
    if name is None or folder is None:
        return ""
    place = PurePosixPath(name)
    # The name comes with the data: it must not lead out of the folder.
    if place.is_absolute() or ".." in place.parts or "\\" in name:
        return ""
    path = folder / place
    kind = mimetypes.guess_type(name)[0] or ""
    if not kind.startswith("image/") or not path.is_file() or path.stat().st_size > _GREATEST_PICTURE:
        return ""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{kind};base64,{data}"
