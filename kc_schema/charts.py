"""The charts of reports: numbers that are drawn as inline SVG, each with its number as the mark's title.

All text goes through `markupsafe`, which escapes what is put into a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

__all__ = ["Figure", "bar_chart", "line_chart"]

_COLOURS = ("#1b6ca8", "#c8553d", "#4f9d69", "#8e5ea2", "#b8860b", "#5f6b73", "#d46a9b", "#2a9d8f")
_DASHES = Markup(' stroke-dasharray="6 3"')
"""Of a line whose colour another has already."""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 260, 52, 34, 12
_UPRIGHT, _SHORT, _LONGEST, _ROW = 10, 6, 34, 18
"""Upright bars at most, letters of their names at most; letters of a lying bar's name, its height."""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Figure:
    """A chart: ``line`` and ``diagonal`` have series of points, ``bar`` has names with heights."""

    title: str
    kind: str
    data: Mapping[str, Any]
    x_label: str
    y_label: str

    def svg(self) -> Markup:
        """Return the chart as SVG, with a legend for lines."""
        if self.kind == "bar":
            return bar_chart(self.data, self.y_label, self.x_label)
        return line_chart(self.data, self.x_label, self.y_label, diagonal=self.kind == "diagonal")

    def rows(self, points: int) -> list[tuple[str, str]]:
        """Return the numbers: name -> value, of a line `points` of its points at most, both ends among them."""
        if self.kind == "bar":
            return [(name, f"{value:.3g}") for name, value in self.data.items()]
        return [
            (name, ", ".join(f"{x:.3g}: {y:.4g}" for x, y in _spread(line, points)))
            for name, line in self.data.items()
        ]


def _spread(line: Sequence[Any], points: int) -> list[Any]:
    """Return `points` entries of `line` at even distances, the first and the last among them."""
    if len(line) <= points:
        return list(line)
    return [line[round(place * (len(line) - 1) / (points - 1))] for place in range(points)]


def line_chart(series: Mapping[str, Points], x_label: str, y_label: str, *, diagonal: bool = False) -> Markup:
    """Return lines through points, one a series, with a legend; `diagonal` adds the line y = x."""
    points = [point for line in series.values() for point in line]
    if not points:
        return Markup()
    low_x, high_x = _range([x for x, _ in points])
    low_y, high_y = _range([y for _, y in points])
    if diagonal:
        low_x = low_y = min(low_x, low_y)
        high_x = high_y = max(high_x, high_y)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - low_x) / (high_x - low_x) * (_WIDTH - _LEFT - 10)
        up = _HEIGHT - _BOTTOM - (y - low_y) / (high_y - low_y) * (_HEIGHT - _BOTTOM - _TOP)
        return round(across, 1), round(up, 1)

    marks = _axes(low_x, high_x, low_y, high_y, x_label, y_label)
    if diagonal:
        (x1, y1), (x2, y2) = place(low_x, low_x), place(high_x, high_x)
        line_of_equals = Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#bbb" stroke-dasharray="4"/>')
        marks.append(line_of_equals.format(x1, y1, x2, y2))
    for number, (name, line) in enumerate(series.items()):
        colour, dashes = _COLOURS[number % len(_COLOURS)], _DASHES if number >= len(_COLOURS) else Markup()
        path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line))
        polyline = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"{}/>')
        marks.append(polyline.format(path, colour, dashes))
        for point in line:
            x, y = place(*point)
            circle = Markup(
                '<circle cx="{}" cy="{}" r="3" fill="{}"><title>{}: {:g}, {:.4g}</title></circle>'
            )
            marks.append(circle.format(x, y, colour, name, *point))
    return _svg(marks) + _legend(list(series))


def bar_chart(bars: Mapping[str, float], y_label: str, x_label: str = "") -> Markup:
    """Return one bar for each name, from zero: upright, or lying where the names need room."""
    if not bars:
        return Markup()
    top = max(max(bars.values()), 1e-9)
    if len(bars) > _UPRIGHT or any(len(name) > _SHORT for name in bars):
        return _lying_bars(bars, y_label, top)
    marks = _axes(0, 1, 0, top, x_label, y_label, x_numbers=False)
    step = (_WIDTH - _LEFT - 10) / len(bars)
    for number, (name, value) in enumerate(bars.items()):
        height = round(value / top * (_HEIGHT - _BOTTOM - _TOP), 1)
        x = round(_LEFT + step * number + step * 0.15, 1)
        marks.append(_bar(x, round(_HEIGHT - _BOTTOM - height, 1), round(step * 0.7, 1), height, name, value))
        marks.append(_text(x + step * 0.35, _HEIGHT - _BOTTOM + 14, name, "middle"))
    return _svg(marks)


def _lying_bars(bars: Mapping[str, float], label: str, top: float) -> Markup:
    """Return bars from left to right, each with its name in front and its number behind."""
    left = 18 + 6 * min(max(map(len, bars)), _LONGEST)
    width = _WIDTH - left - 50
    marks = [_text(left, _TOP, label, "start")]
    for number, (name, value) in enumerate(bars.items()):
        y = _TOP + 8 + number * _ROW
        shown = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        length = round(value / top * width, 1)
        marks.append(_text(left - 6, y + 11, shown, "end"))
        marks.append(_bar(left, y, length, _ROW - 4, name, value))
        marks.append(_text(left + length + 5, y + 11, _shown(value), "start"))
    return _svg(marks, _TOP + 12 + len(bars) * _ROW)


def _bar(x: float, y: float, width: float, height: float, name: str, value: float) -> Markup:
    bar = Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {:.4g}</title></rect>')
    return bar.format(x, y, width, height, _COLOURS[0], name, value)


def _shown(value: float) -> str:
    """Return a number in a few characters: three digits, of thousands all, of millions three."""
    if abs(value) >= 999_500:
        return f"{value / 1e6:,.3g}M" if abs(value) < 999.5e6 else f"{value / 1e9:,.3g}G"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _axes(
    low_x: float,
    high_x: float,
    low_y: float,
    high_y: float,
    x_label: str,
    y_label: str,
    *,
    x_numbers: bool = True,
) -> list[Markup]:
    base = _HEIGHT - _BOTTOM
    lines = Markup('<path d="M{} {}V{}H{}" fill="none" stroke="#888"/>')
    upright = Markup('<text x="12" y="{0}" transform="rotate(-90 12 {0})" text-anchor="middle">{1}</text>')
    marks = [
        lines.format(_LEFT, _TOP, base, _WIDTH - 10),
        _text(_WIDTH / 2, _HEIGHT - 4, x_label, "middle"),
        upright.format(base / 2, y_label),
    ]
    for share in (0, 0.5, 1):
        y = base - share * (base - _TOP)
        marks.append(_text(_LEFT - 6, y + 4, _shown(low_y + share * (high_y - low_y)), "end"))
        if x_numbers:
            x = _LEFT + share * (_WIDTH - _LEFT - 10)
            marks.append(_text(x, base + 14, _shown(low_x + share * (high_x - low_x)), "middle"))
    return marks


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _svg(marks: Sequence[Markup], height: int = _HEIGHT) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img">{}</svg>').format(_WIDTH, height, Markup().join(marks))


def _legend(names: Sequence[str]) -> Markup:
    """Return the names with their colours; a hollow mark stands for a dashed line."""
    entries = []
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        style = f"border:2px dashed {colour}" if number >= len(_COLOURS) else f"background:{colour}"
        entries.append(Markup('<span><i style="{}"></i>{}</span>').format(style, name))
    return Markup('<p class="legend">{}</p>').format(Markup().join(entries))
