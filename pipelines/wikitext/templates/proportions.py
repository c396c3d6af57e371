"""Shares and results: percentages, wins and losses."""

from __future__ import annotations

from pipelines.wikitext.templates.numerals import parse_number, round_half_up, write_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_YES = frozenset(("y", "yes", "1", "true", "on"))


@template("percentage", "percent", "pct")
def percentage(call: TemplateCall) -> str | None:
    """``{{percentage|1|3|1}}`` -> ``33.3%``; ``{{percent|5}}`` -> ``5%``."""
    part, whole = parse_number(call.get("1")), parse_number(call.get("2"))
    if whole is None:
        return f"{call.get('1')}%" if call.get("1") else None
    places = parse_number(call.get("3", default="0"))
    if part is None or whole == 0 or places is None or abs(places) > 15:
        return None
    return (
        f"{write_number(round_half_up(part * 100 / whole, int(places)))}{call.get('%', 'pad', default='%')}"
    )


@template("percent and number", "percentage and number", "number and percent", "percent-number")
def percent_and_number(call: TemplateCall) -> str | None:
    """``{{percent and number|25|200|1}}`` -> ``12.5% (25)``."""
    share = percentage(call)
    return f"{share} ({call.get('1')})" if share and call.get("2") else None


@template("percentage bar", "percentagebar")
def percentage_bar(call: TemplateCall) -> str | None:
    """``{{percentage bar|40}}`` -> ``40%``: the bar itself says nothing in text."""
    return call.get("2", default=f"{call.get('1')}%") if call.get("1") else None


def _record(wins: str, losses: str, ties: str) -> str:
    return "–".join(filter(None, (wins, losses, ties)))


@template("winning percentage", "winperc", "winpct", "winning pct", "win pct", "winning%")
def winning_percentage(call: TemplateCall) -> str | None:
    """``{{winning percentage|30|20}}`` -> ``.600``, ``|record=y`` -> ``30–20 (.600)``; a tie is half a win."""
    wins, losses = parse_number(call.get("1")), parse_number(call.get("2"))
    ties = parse_number(call.get("3", default="0"))
    if wins is None or losses is None or ties is None or min(wins, losses, ties) < 0:
        return None
    games = wins + losses + ties
    if not games or games > 10**9:
        return "–"
    won = wins if call.get("ignore_ties").lower() in _YES else wins + ties / 2
    share = f"{round_half_up(won / games, 3):.3f}"
    if call.get("leading_zero").lower() not in _YES:
        share = share.removeprefix("0")
    if call.get("record").lower() not in _YES:
        return share
    return f"{_record(call.get('1'), call.get('2'), call.get('3'))} ({share})"


@template("win–loss record", "win-loss record", "WinLossRecord", "winloss", "w–l", "win–loss–tie record")
def record(call: TemplateCall) -> str | None:
    """``{{win–loss record|w=30|l=20|t=2}}`` -> ``30–20–2``; draws (``d=``) stand between wins and losses."""
    wins, losses = call.get("w", "1"), call.get("l", "2")
    if not wins or not losses:
        return None
    if draws := call.get("d"):
        return _record(wins, draws, losses)
    return _record(wins, losses, call.get("t", "otl", "3"))
