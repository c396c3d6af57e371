"""The report as Markdown and as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import html
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.reporting.cases import Case
from training.reporting.charts import bar_chart, line_chart
from training.reporting.tables import Table

__all__ = ["Figure", "html_page", "markdown_page"]

_GREATEST_IMAGE = 2 << 20

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8884; padding: .3rem .7rem; text-align: left; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
th { vertical-align: bottom; }
nav a { margin-right: 1rem; white-space: nowrap; display: inline-block; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem 2rem; }
figure { margin: 0; min-width: 0; }
figure h3 { margin: .5rem 0; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: currentColor; }
.legend span { margin-right: 1rem; white-space: nowrap; font-size: .85rem; display: inline-block; }
.legend i { display: inline-block; box-sizing: border-box; width: .8em; height: .8em; margin-right: .3em; }
article { border: 1px solid #8884; border-radius: 6px; padding: 0 1rem; margin: 1rem 0; overflow: hidden; }
article img { max-width: 14rem; max-height: 14rem; float: right; margin: 1rem 0 1rem 1rem; }
.right { color: #2a7d46; } .wrong { color: #b3402a; }
"""


@dataclass(frozen=True)
class Figure:
    """A chart: ``line`` and ``diagonal`` have series of points, ``bar`` has names with heights."""

    title: str
    kind: str
    data: Mapping[str, Any]
    x_label: str
    y_label: str

    def svg(self) -> str:
        """Gives the chart as SVG."""
        if self.kind == "bar":
            return bar_chart(self.data, self.y_label, self.x_label)
        return line_chart(self.data, self.x_label, self.y_label, diagonal=self.kind == "diagonal")

    def markdown(self) -> str:
        """Gives the chart's numbers as a table."""
        lines = [f"## {self.title}", ""]
        if self.kind == "bar":
            lines += [f"| | {self.y_label} |", "|---|---|"]
            lines += [f"| {name} | {value:.3g} |" for name, value in self.data.items()]
        else:
            lines += [f"| | {self.y_label} by {self.x_label} |", "|---|---|"]
            for name, points in self.data.items():
                lines.append(f"| {name} | " + ", ".join(f"{x:.3g}: {y:.4g}" for x, y in points) + " |")
        return "\n".join(lines) + "\n"


def markdown_page(
    title: str,
    about: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    cases: Sequence[Case],
) -> str:
    """Gives the report as Markdown."""
    parts = [f"# {title}\n", "\n".join(f"- {line}" for line in about) + "\n"]
    parts += [table.markdown() for table in tables]
    parts += [figure.markdown() for figure in figures]
    if cases:
        parts.append("## Cases\n")
    for case in cases:
        lines = [f"### {case.example_id}", "", f"> {_escape_markdown(' '.join(case.tokens))}", ""]
        if case.pair:
            lines.append(f"- {_escape_markdown(case.pair)}")
        lines.append(f"- Image: {case.image or 'none'}")
        for source, texts in case.evidence.items():
            lines += [f"- Evidence, {source}: {_escape_markdown(text)}" for text in texts]
        lines.append(f"- Gold: {_escape_markdown(case.gold)}")
        lines += [f"- {name}: {_escape_markdown(said)}" for name, said in case.said.items()]
        if case.weights:
            lines.append(
                "- Weights: " + ", ".join(f"{name} {value:.2f}" for name, value in case.weights.items())
            )
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _escape_markdown(text: str) -> str:
    return text.replace("\n", " ").replace("<", "&lt;")


def html_page(
    title: str,
    about: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    cases: Sequence[Case],
    images: Path | None,
) -> str:
    """Gives the report as HTML; images of the cases are put into it where `images` holds them."""
    body = [f"<h1>{html.escape(title)}</h1>", "<ul>"]
    body += [f"<li>{html.escape(line)}</li>" for line in about]
    body.append("</ul>")
    titles = [table.title for table in tables] + ["Figures"] * bool(figures) + ["Cases"] * bool(cases)
    links = "".join(f'<a href="#{_anchor(name)}">{html.escape(name)}</a>' for name in titles)
    body.append(f"<nav>{links}</nav>")
    body += [_html_table(table) for table in tables]
    if figures:
        drawn = "".join(
            f"<figure><figcaption><h3>{html.escape(figure.title)}</h3></figcaption>{figure.svg()}</figure>"
            for figure in figures
        )
        body.append(f'<h2 id="figures">Figures</h2><div class="figures">{drawn}</div>')
    if cases:
        body.append('<h2 id="cases">Cases</h2>')
        body += [_html_case(case, images) for case in cases]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body>{chr(10).join(body)}</body></html>\n"
    )


def _html_table(table: Table) -> str:
    numbers = [any(_is_number(row[place]) for row in table.rows) for place in range(len(table.columns))]
    kinds = [' class="number"' if number else "" for number in numbers]
    head = "".join(
        f"<th{kind}>{html.escape(column)}</th>" for kind, column in zip(kinds, table.columns, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<h2 id="{_anchor(table.title)}">{html.escape(table.title)}</h2><p>{html.escape(table.note)}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-")[:1].isdigit()


def _anchor(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


def _html_case(case: Case, images: Path | None) -> str:
    lines = [_image(case.image, images), f"<h3>{html.escape(case.example_id)}</h3>"]
    lines.append(f"<blockquote>{html.escape(' '.join(case.tokens))}</blockquote><ul>")
    if case.pair:
        lines.append(f"<li>{html.escape(case.pair)}</li>")
    if not lines[0]:
        lines.append(f"<li>Image: {html.escape(case.image or 'none')}</li>")
    for source, texts in case.evidence.items():
        lines += [f"<li>Evidence, {html.escape(source)}: {html.escape(text)}</li>" for text in texts]
    lines.append(f"<li><b>Gold: {html.escape(case.gold)}</b></li>")
    for name, said in case.said.items():
        kind, mark = ("right", "✓") if said == case.gold else ("wrong", "✗")
        weight = f" (weight {case.weights[name]:.2f})" if name in case.weights else ""
        lines.append(f'<li class="{kind}">{mark} {html.escape(name)}{weight}: {html.escape(said)}</li>')
    return f"<article>{''.join(lines)}</ul></article>"


def _image(name: str | None, images: Path | None) -> str:
    """Gives the image as a data URI, or nothing where there is none to show."""
    if name is None or images is None or Path(name).name != name:
        return ""
    path = images / name
    kind = mimetypes.guess_type(name)[0] or ""
    if not kind.startswith("image/") or not path.is_file() or path.stat().st_size > _GREATEST_IMAGE:
        return ""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{html.escape(name)}" src="data:{kind};base64,{data}">'
