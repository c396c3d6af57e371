"""A report as it is made, and as a page that needs no other file; its template lies beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kc_schema.charts import Figure
from kc_schema.store import to_json
from kc_schema.templates import open_templates

__all__ = ["Cell", "ReportDocument", "ReportSection", "ReportTable"]

Cell = str | int | float | tuple[str, ...]
"""Of a table; a tuple's texts stand one below the other."""


@dataclass(frozen=True)
class ReportTable:
    """A table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""


@dataclass(frozen=True)
class ReportSection:
    """A part of a report under a heading."""

    title: str
    text: str = ""
    tables: Sequence[ReportTable] = ()
    figures: Sequence[Figure] = ()
    quotations: Sequence[tuple[str, str]] = ()
    """Title and text of paragraphs."""

    @property
    def anchor(self) -> str:
        """The title as it stands in a link of the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True)
class ReportDocument:
    """A whole report."""

    title: str
    about: Sequence[str]
    """Lines that say what it is of."""
    sections: Sequence[ReportSection]

    def html(self) -> str:
        """Return the page."""
        templates = open_templates(Path(__file__).parent)
        templates.filters |= {"number": _number, "is_number": lambda value: isinstance(value, int | float)}
        return templates.get_template("report.html.j2").render(page=self)

    def json(self) -> str:
        """Return what the page says in tables and text, without its figures, as JSON."""
        return to_json(
            {
                "title": self.title,
                "about": list(self.about),
                "sections": [
                    {"title": section.title, "text": section.text, "tables": list(section.tables)}
                    for section in self.sections
                ],
            }
        )


def _number(value: str | int | float) -> str:
    """Return a cell as it is shown."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
