"""Charts as inline SVG, with their numbers as titles of the marks."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

__all__ = ["bar_chart", "line_chart"]

_COLOURS = ("#1b6ca8", "#c8553d", "#4f9d69", "#8e5ea2", "#b8860b", "#5f6b73", "#d46a9b", "#2a9d8f")
_DASHES = ' stroke-dasharray="6 3"'
"""Of a line whose colour another has already."""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 260, 52, 34, 12
_UPRIGHT, _SHORT, _LONGEST, _ROW = 10, 6, 34, 18
"""Upright bars at most, letters of their names at most; letters of a lying bar's name, its height."""
Points = Sequence[tuple[float, float]]


def line_chart(series: Mapping[str, Points], x_label: str, y_label: str, *, diagonal: bool = False) -> str:
    """Gives lines through points, one a series, with a legend; `diagonal` adds the line y = x."""
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
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
        marks.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#bbb" stroke-dasharray="4"/>')
    for number, (name, line) in enumerate(series.items()):
        colour, dashes = _COLOURS[number % len(_COLOURS)], _DASHES if number >= len(_COLOURS) else ""
        path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line))
        marks.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        for point in line:
            x, y = place(*point)
            marks.append(
                f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"><title>{html.escape(name)}: '
                f"{point[0]:g}, {point[1]:.4g}</title></circle>"
            )
    return _svg(marks) + _legend(list(series))


def bar_chart(bars: Mapping[str, float], y_label: str, x_label: str = "") -> str:
    """Gives one bar for each name, from zero: upright, or lying where the names need room."""
    if not bars:
        return ""
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


def _lying_bars(bars: Mapping[str, float], label: str, top: float) -> str:
    """Gives bars from left to right, each with its name in front and its number behind."""
    left = 12 + 6 * min(max(map(len, bars)), _LONGEST)
    width = _WIDTH - left - 50
    marks = [_text(left, _TOP, label, "start")]
    for number, (name, value) in enumerate(bars.items()):
        y = _TOP + 8 + number * _ROW
        shown = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        length = round(value / top * width, 1)
        marks.append(_text(left - 6, y + 11, shown, "end"))
        marks.append(_bar(left, y, length, _ROW - 4, name, value))
        marks.append(_text(left + length + 5, y + 11, f"{value:.3g}", "start"))
    return _svg(marks, _TOP + 12 + len(bars) * _ROW)


def _bar(x: float, y: float, width: float, height: float, name: str, value: float) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{_COLOURS[0]}">'
        f"<title>{html.escape(name)}: {value:.4g}</title></rect>"
    )


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
) -> list[str]:
    base = _HEIGHT - _BOTTOM
    marks = [
        f'<path d="M{_LEFT} {_TOP}V{base}H{_WIDTH - 10}" fill="none" stroke="#888"/>',
        _text(_WIDTH / 2, _HEIGHT - 4, x_label, "middle"),
        f'<text x="12" y="{base / 2}" transform="rotate(-90 12 {base / 2})" text-anchor="middle">'
        f"{html.escape(y_label)}</text>",
    ]
    for share in (0, 0.5, 1):
        y = base - share * (base - _TOP)
        marks.append(_text(_LEFT - 6, y + 4, f"{low_y + share * (high_y - low_y):.3g}", "end"))
        if x_numbers:
            x = _LEFT + share * (_WIDTH - _LEFT - 10)
            marks.append(_text(x, base + 14, f"{low_x + share * (high_x - low_x):.3g}", "middle"))
    return marks


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(marks: Sequence[str], height: int = _HEIGHT) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(marks)}</svg>'


def _legend(names: Sequence[str]) -> str:
    """Gives the names with their colours; a hollow mark stands for a dashed line."""
    entries = []
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        style = f"border:2px dashed {colour}" if number >= len(_COLOURS) else f"background:{colour}"
        entries.append(f'<span><i style="{style}"></i>{html.escape(name)}</span>')
    return f'<p class="legend">{"".join(entries)}</p>'
