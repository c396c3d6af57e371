"""The report as Markdown and as one HTML page that needs no other file (`report.html.j2`)."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from training.reporting.cases import Case
from training.reporting.figures import Figure
from training.reporting.tables import Table

__all__ = ["Page"]

_GREATEST_PICTURE = 2 << 20
_POINTS = 8
"""Points of a line that Markdown shows at most; the page draws all of them."""

# What begins something in the middle of a line of Markdown; an underscore does so only at the edge of a word.
_MARKUP = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")
_LINK = re.compile(r"(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)
_BLOCK = re.compile(r"^(?=[#+=-])|^(\d+)(?=[.)])")


@dataclass(frozen=True)
class Page:
    """What a report shows."""

    title: str
    about: Sequence[str]
    """Lines about the run."""
    tables: Sequence[Table]
    figures: Sequence[Figure]
    cases: Sequence[Case]

    def html(self, pictures: Path | None) -> str:
        """Return the page; pictures of the cases are put into it where the folder `pictures` holds them."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        template = templates.get_template("report.html.j2")
        return template.render(page=self, picture_of=lambda name: _picture(name, pictures))

    def markdown(self) -> str:
        """Return the report as Markdown, text from data as text."""
        parts = [f"# {_text(self.title)}\n", "\n".join(f"- {_block(line)}" for line in self.about) + "\n"]
        for table in self.tables:
            note = [_block(table.note), ""] if table.note else []
            parts.append("\n".join([*_heading(table.title), *note, *_grid(table.columns, table.rows)]) + "\n")
        for figure in self.figures:
            columns = ("", figure.y_label + (f" by {figure.x_label}" if figure.kind != "bar" else ""))
            parts.append("\n".join([*_heading(figure.title), *_grid(columns, figure.rows(_POINTS))]) + "\n")
        if self.cases:
            parts.append("## Cases\n")
        parts += [_case(case) for case in self.cases]
        return "\n".join(parts)


def _heading(title: str) -> list[str]:
    return [f"## {_text(title)}", ""]


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(map(_text, columns)) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(map(_text, row)) + " |" for row in rows]


def _case(case: Case) -> str:
    lines = [f"### {_text(case.example_id)}", "", f"> {_block(' '.join(case.tokens))}", ""]
    if case.pair:
        lines.append(f"- {_block(case.pair)}")
    lines.append(f"- Image: {_text(case.image or 'none')}")
    for source, texts in case.evidence.items():
        lines += [f"- Evidence, {_text(source)}: {_text(text)}" for text in texts]
    lines.append(f"- Gold: {_text(case.gold)}")
    lines += [f"- {_block(name)}: {_text(answer)}" for name, answer in case.answers.items()]
    if case.weights:
        weights = ", ".join(f"{_text(name)} {value:.2f}" for name, value in case.weights.items())
        lines.append(f"- Weights: {weights}")
    return "\n".join(lines) + "\n"


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
