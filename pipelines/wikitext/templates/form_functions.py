"""The functions that forms of ``data/templates_by_language.tsv`` name: ``!number``, ``!date``, ``!siglo``, ..."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import cache

from pipelines.wikitext.data import read_pairs
from pipelines.wikitext.templates.language_formats import (
    format_number,
    language_format,
    languages_by_code,
    write_converted,
    write_date_in,
)
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import Renderer, TemplateCall, find_renderer

__all__ = ["FUNCTIONS"]

_WHOLE = re.compile(r"[-−–+]?\d[\d\s.,]*")
# What stands between the two ends of a range of numbers.
_BETWEEN = frozenset(
    ("à", "et", "ou", "-", "–", "—", "x", "×", "±", "+/-", "a", "e", "y", "o", "i", "до", "и")
)
_DASHES = frozenset(("-", "–", "—"))
# How German templates name the way of writing: {{FormatNum|1234567|de}}.
_GERMAN_FORMATS = frozenset(("de", "de_currency", "dewiki", "din", "at", "ch"))


def number(call: TemplateCall) -> str | None:
    """A number as the language writes it, with its unit: ``{{unité|1234|km|2}}`` -> ``1 234 km<sup>2</sup>``.

    Several units have their powers behind them (``|km||h|-1``), a range its sign between two numbers (``|3|à|5|km``).
    """
    language = call.site.language
    arguments = call.positional()
    if not arguments or not arguments[0]:
        return None
    shown = _written(arguments[0], language)
    rest = arguments[1:]
    if language == "de" and rest and rest[0].lower() in _GERMAN_FORMATS:
        rest = rest[1:]
    if len(rest) > 1 and rest[0] in _BETWEEN and _WHOLE.fullmatch(rest[1]):
        sign = "–" if rest[0] in _DASHES else f" {rest[0].replace('+/-', '±')} "
        shown += sign + _written(rest[1], language)
        rest = rest[2:]
    for between in ("à", "et", "ou", "x", "×", "±"):
        # A second number by name: {{unité/2|250|à=500|habitants}}.
        if second := call.get(between):
            shown += f" {between.replace('x', '×')} {_written(second, language)}"
    if power := call.get("e"):
        shown += f"×10<sup>{power}</sup>"
    units = []
    if unit := call.get("u", "ul", "unité"):
        units.append(unit)
        rest = []
    for unit, power in zip(rest[::2], [*rest[1::2], ""], strict=False):
        if unit:
            raised = f"<sup>{power.replace('-', '−')}</sup>" if _POWER.fullmatch(power) else ""
            units.append(unit + raised)
    return " ".join(filter(None, (shown, "⋅".join(units))))


# A number that is grouped already, as Italian writes it.
_GROUPED = re.compile(r"[-−]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")


def misura(call: TemplateCall) -> str | None:
    """``{{M|700|-|°C}}`` -> ``700 °C``, ``{{M|1,33|M|eV|e=3}}`` -> ``1,33×10<sup>3</sup> MeV``: value, prefix, unit."""
    value, prefix, unit = [*call.positional(), "", "", ""][:3]
    if not value:
        return None
    shown = value if _GROUPED.fullmatch(value) else _written(value, call.site.language)
    if power := call.get("e"):
        shown += f"×10<sup>{power}</sup>"
    unit = prefix.strip("-") + unit.strip("-") if unit else prefix.strip("-")
    return " ".join(filter(None, (shown, unit or call.get("u", "ul"))))


def flag_with_name(call: TemplateCall) -> str:
    """``{{bandiera|Francia|nome}}`` -> ``[[Francia]]``; without ``nome`` it shows the flag alone."""
    return link(call.get("1")) if call.get("2") == "nome" or call.get("nome") else ""


_POWER = re.compile(r"[-−]?\d{1,2}")


def _written(text: str, language: str) -> str:
    shown = format_number(text, language)
    return "−" + shown[1:] if shown[:1] == "-" and shown[1:2].isdecimal() else shown


# A date in one piece as computers write it.
_ISO = re.compile(r"(\d{4})-(\d\d?)(?:-(\d\d?))?")
# "1 mai 2001" in one piece.
_FIRST_OF_MONTH = re.compile(r"\A1(?= [^\W\d]+(?: \d|\Z))")


def date(call: TemplateCall) -> str | None:
    """Day, month and year as the language writes them, in whichever order they come; a date in one piece stays."""
    language = call.site.language
    arguments = [*call.positional(), *[call.get(key) for key in _PARTS if key in call.arguments]]
    given = [argument for argument in arguments if argument]
    if not given:
        return None
    first = given[0]
    if len(given) == 1 or not _is_part(given[1], language):
        if iso := _ISO.fullmatch(first):
            return write_date_in(language, iso[3] or "", iso[2], iso[1])
        if language == "fr":
            return _FIRST_OF_MONTH.sub("1er", first)
        return first if not first.isdecimal() or len(first) > 2 else None
    if first.isdecimal() and len(first) > 2 and arguments[0]:
        year, month, day = [*arguments, "", ""][:3]
        return write_date_in(language, day, month, year)
    if arguments[0] and not _is_day(first):
        # The month comes first: {{date|mai|2001}}.
        arguments.insert(0, "")
    day, month, year = [*arguments, "", ""][:3]
    day = "1" if language == "fr" and day == "1er" else day
    return write_date_in(language, day, month, year if _is_year(year) else "")


_PARTS = ("dia", "mês", "ano", "día", "mes", "año", "jour", "mois", "année")


def _is_day(text: str) -> bool:
    return text.rstrip("erº.").isdecimal() and len(text) < 5


def _is_year(text: str) -> bool:
    return text[:1].isdecimal() or text[:1] in ("-", "−")


def _is_part(text: str, language: str) -> bool:
    """Whether `text` may be a month or a year, and not a remark such as ``en sport``."""
    form = language_format(language)
    return text[:1].isdecimal() or text.lower() in {
        month.lower() for month in (*form.months, *form.date_months)
    }


def year_first(call: TemplateCall) -> str | None:
    """Year, month and day as the language writes a date."""
    year, month, day = [*call.positional(), "", "", ""][:3]
    return write_date_in(call.site.language, day, month, year) if year else None


def japanese_birth(call: TemplateCall) -> str | None:
    """``{{生年月日と年齢|1950|1|2}}`` -> ``1950年1月2日（71歳）``, the age at the dump's date where that is known."""
    shown = year_first(call)
    today = call.site.date
    if shown is None or today is None:
        return shown
    years = _age(call.positional()[:3], [str(today.year), str(today.month), str(today.day)])
    return f"{shown}（{years}歳）" if years else shown


def japanese_death(call: TemplateCall) -> str | None:
    """``{{死亡年月日と没年齢|1920|1|2|1990|3|4}}`` -> ``1990年3月4日（70歳没）``; ``没年齢`` shows the age alone."""
    arguments = call.positional()
    if len(arguments) < 6:
        return year_first(call)
    shown = "" if call.is_called("没年齢") else write_date_in("ja", arguments[5], arguments[4], arguments[3])
    years = _age(arguments[:3], arguments[3:6])
    return f"{shown}（{years}歳没）" if years else shown or None


def _age(born: list[str], died: list[str]) -> str:
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in (*born, *died)):
        return ""
    start, end = [int(part) for part in born], [int(part) for part in died]
    if len(start) < 3 or len(end) < 3 or not 0 <= end[0] - start[0] < 200:
        return ""
    return str(end[0] - start[0] - (end[1:] < start[1:]))


# The eras of Japan since 1868 and their first years.
_ERAS = ((2019, "令和"), (1989, "平成"), (1926, "昭和"), (1912, "大正"), (1868, "明治"))


def japanese_era(call: TemplateCall) -> str | None:
    """``{{和暦|1950}}`` -> ``1950年（昭和25年）``."""
    year = call.get("1")
    if not (year.isascii() and year.isdecimal() and len(year) == 4):
        return None
    for first, era in _ERAS:
        if int(year) >= first:
            count = int(year) - first + 1
            return f"{year}年（{era}{count if count > 1 else '元'}年）"
    return f"{year}年"


def siglo(call: TemplateCall) -> str | None:
    """``{{siglo|XV}}`` -> ``XV``, ``{{siglo|XV||s}}`` -> ``siglo XV``, ``{{siglo|II|a|a}}`` -> ``s. II a. C.``."""
    numeral = call.get("1")
    if not numeral:
        return None
    era = {"a": " a. C.", "d": " d. C."}.get(call.get("2")[:1].lower(), "")
    word = {"s": "siglo ", "S": "Siglo ", "a": "s. ", "A": "S. "}.get(call.get("3")[:1], "")
    return f"{word}{numeral}{era}"


_ROMAN = re.compile(r"[IVXLC]+")
_CENTURY = re.compile(r"(-?)s(?:iècle)?([p2-4]?)( mini)?(-?)")


def siecle(call: TemplateCall) -> str | None:
    """``{{s-|XV|e}}`` -> ``XVe siècle``, ``{{-s2|III|e|I|er}}`` -> ``IIIe et Ier siècles av. J.-C.``.

    ``{{sp-|XII|e|et au|XVI|e}}`` has the words between two centuries and an ``s`` for the plural behind them.
    """
    name = {"sap": "s", "sap-": "s-", "sav": "-s", "sav-": "-s-"}.get(call.name, call.name)
    kind = _CENTURY.fullmatch(name)
    arguments = call.positional()
    if kind is None or not arguments or not arguments[0]:
        return None
    plural = False
    if kind[2] == "p":
        one, suffix, between, other, ending, more = [*arguments, *[""] * 6][:6]
        between = "–" if between in _DASHES else between
        shown = (
            f"{_ordinal(one, suffix)} {between} {_ordinal(other, ending)}" if other else _ordinal(one, suffix)
        )
        plural = bool(more)
    elif kind[2]:
        numerals = _with_suffixes(arguments)
        shown = " et ".join(filter(None, (", ".join(numerals[:-1]), numerals[-1])))
        plural = len(numerals) > 1
    else:
        shown = _ordinal(arguments[0], [*arguments, ""][1])
    if kind[3]:
        return shown
    era = {"sap": " apr. J.-C.", "sap-": " apr. J.-C."}.get(call.name, " av. J.-C." if kind[1] else "")
    return f"{shown} siècle{'s' * plural}{era}"


def _ordinal(numeral: str, suffix: str) -> str:
    if _ROMAN.fullmatch(numeral.upper()):
        numeral = numeral.upper()
    if not _ROMAN.fullmatch(numeral):
        return numeral + suffix
    return numeral + (suffix or ("er" if numeral == "I" else "e"))


def _with_suffixes(arguments: list[str]) -> list[str]:
    """Return Roman numerals with the endings that stand behind them, or their own."""
    numerals: list[str] = []
    for argument in arguments:
        if _ROMAN.fullmatch(argument):
            numerals.append(argument)
        elif numerals and argument and not numerals[-1].endswith(("e", "r")):
            numerals[-1] += argument
    return [
        numeral if numeral[-1:].islower() else _ordinal(numeral, "") for numeral in numerals
    ] or arguments[:1]


def remarked(call: TemplateCall) -> str:
    """The words that a remark is about; its first argument may be a date's day instead (``{{нет АИ|3|12|2010}}``)."""
    words = call.get("1")
    return "" if words.isdecimal() else words


def incise(call: TemplateCall) -> str | None:
    """``{{incise|mots}}`` -> ``– mots –``; the second dash falls where the sentence ends (``|stop``)."""
    words = call.get("1")
    return f"– {words}{'' if call.get('2') else ' –'}" if words else None


@cache
def _height_references() -> dict[str, str]:
    return read_pairs("height_references")


def height(call: TemplateCall) -> str | None:
    """``{{Höhe|1234|DE-NHN}}`` -> ``1234 m ü. NHN``."""
    value, reference = call.get("1"), _height_references().get(call.get("2"), "")
    return " ".join(filter(None, (format_number(value, "de"), "m", reference))) if value else None


_OLD_STYLE = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})")


def _both_styles(call: TemplateCall) -> str:
    """Write a date whose days, months and years are given in the new style and the old; of the latter what differs."""
    day, month, year, old_day, old_month, old_year = (call.get(str(number)) for number in range(1, 7))
    # The day alone bends the words: "1826 год" is "1826 года".
    year = year + "а" if year.endswith("год") else year
    if old_year:
        return f"{old_day} {old_month} {old_year} ({day} {month} {year})"
    if old_month:
        return f"{old_day} {old_month} ({day} {month}) {year}"
    return f"{old_day} ({day}) {month} {year}"


def old_style(call: TemplateCall) -> str | None:
    """``{{СС3|13.05.1900}}``, ``{{СС|13|мая|1900|30|апреля}}`` -> ``30 апреля (13 мая) 1900``; others stay."""
    given = call.get("1")
    if given.isdecimal() and len(given) < 3 and call.get("4"):
        return _both_styles(call)
    match = _OLD_STYLE.fullmatch(given)
    if match is None and call.get("3"):
        return f"{call.get('3')} ({given}) {call.get('2')}".strip()
    if match is None:
        return given or None
    try:
        new = datetime.date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return given
    centuries = new.year - (new < datetime.date(new.year, 3, 1))
    days = centuries // 100 - centuries // 400 - 2
    if not 0 < days < 20 or (new - datetime.date(1582, 10, 15)).days < 0:
        return given
    old = new - datetime.timedelta(days=days)
    months = language_format("ru").date_months
    if old.year != new.year:
        return f"{old.day} {months[old.month - 1]} {old.year} ({new.day} {months[new.month - 1]} {new.year})"
    if old.month != new.month:
        return f"{old.day} {months[old.month - 1]} ({new.day} {months[new.month - 1]}) {new.year}"
    return f"{old.day} ({new.day}) {months[new.month - 1]} {new.year}"


def substance(call: TemplateCall) -> str | None:
    """``{{fchim|H|2|O}}`` -> ``H<sub>2</sub>O``."""
    parts = [part for part in call.positional() if part]
    shown = [
        f"<sub>{part}</sub>" if part.isdecimal() and number else part for number, part in enumerate(parts)
    ]
    return "".join(shown) or None


def nihongo(call: TemplateCall) -> str | None:
    """A word with its Japanese: ``{{nihongo|dōga|動画,||film}}`` -> ``dōga (動画, film)``; commas are not doubled."""
    call.arguments = {key: value.rstrip(" ,、") for key, value in call.arguments.items()}
    return _as_in_english("nihongo")(call)


def converted(call: TemplateCall) -> str | None:
    """A measurement in two units, its numbers as the language writes them; by symbols, unless the wiki spells units."""
    spelt = not call.get("abbr") and call.name != "cvt"
    call.arguments["abbr"] = "on"
    shown = _as_in_english("convert")(call)
    return None if shown is None else write_converted(shown, call.site.language, spelt=spelt)


def biography(call: TemplateCall) -> str | None:
    """The first sentence of an Italian biography, which ``{{Bio}}`` writes from its fields."""
    name = " ".join(filter(None, (call.get("Titolo"), call.get("Nome"), call.get("Cognome"))))
    if not name:
        return None
    ends = [
        ", ".join(filter(None, (call.get(f"Luogo{what}"), " ".join(filter(None, (day, year))))))
        for what, day, year in (
            ("Nascita", call.get("GiornoMeseNascita"), call.get("AnnoNascita")),
            ("Morte", call.get("GiornoMeseMorte"), call.get("AnnoMorte")),
        )
    ]
    died = bool(call.get("AnnoMorte"))
    life = " – ".join(filter(None, ends if died else ends[:1]))
    activities = [call.get("Attività"), call.get("Attività2"), call.get("Attività3")]
    words = [word for word in activities if word]
    listed = words[0] if words else ""
    if len(words) > 1:
        listed = f"{', '.join(words[:-1])} e {words[-1]}"
    female = call.get("Sesso").upper() == "F"
    verb = ("è stata una" if female else "è stato un") if died else ("è una" if female else "è un")
    nationality = call.get("NazionalitàNaturalizzato", "Nazionalità")
    said = call.get("FineIncipit") or " ".join(filter(None, (verb, listed, nationality) if listed else ()))
    behind = call.get("PostNazionalità")
    name = f"{name} {call.get('PostCognome')}".rstrip()
    sentence = f"{name}{call.get('PostCognomeVirgola') and ', ' + call.get('PostCognomeVirgola')}"
    sentence += f" ({life})" if life else ""
    gap = "" if behind.startswith((",", ".")) else " "
    return f"{sentence} {said}{gap}{behind}".rstrip() + ("" if behind.endswith(".") else ".")


def _as_in_english(name: str) -> Renderer:
    """Return the English renderer `name`: the template has the same arguments and no words of its own."""
    renderer = find_renderer(name)
    assert renderer is not None
    return renderer


def interlanguage(call: TemplateCall) -> str | None:
    """``{{ill|Titel|en|Title}}`` and ``{{ill|en|Titel|Title}}`` -> ``[[Titel]]``, with the words in ``lt``."""
    title, second = call.get("1"), call.get("2")
    if second and call.get("3") and title.lower() in languages_by_code(call.site.language):
        title = second
    return link(title, call.get("lt", "label", "texto", "tekst", "text")) if title else None


_DEGREES = re.compile(r"(\d{1,3})(?:/(\d{1,2}))?(?:/(\d{1,2}(?:\.\d+)?))?/([NSEW])")


def coordinate(call: TemplateCall) -> str | None:
    """``{{Coordinate|text=DMS|NS=48/41/59/N|EW=9/2/2/E}}`` -> ``48° 41′ 59″ N, 9° 2′ 2″ O``; else nothing."""
    if not call.get("text"):
        return ""
    parts = []
    for key in ("NS", "EW"):
        match = _DEGREES.fullmatch(call.get(key))
        if match is None:
            return ""
        signs = zip(match.groups()[:3], "°′″", strict=True)
        shown = " ".join(f"{value}{sign}" for value, sign in signs if value)
        parts.append(f"{shown} {match[4].replace('E', 'O')}")
    return ", ".join(parts)


FUNCTIONS: dict[str, Callable[[TemplateCall], str | None]] = {
    "number": number,
    "misura": misura,
    "flag with name": flag_with_name,
    "date": date,
    "year month day": year_first,
    "japanese birth": japanese_birth,
    "japanese death": japanese_death,
    "japanese era": japanese_era,
    "siglo": siglo,
    "siècle": siecle,
    "incise": incise,
    "remarked": remarked,
    "height": height,
    "old style": old_style,
    "substance": substance,
    "convert": converted,
    "interlanguage": interlanguage,
    "coordinate": coordinate,
    "bio": biography,
    "quote": lambda call: _as_in_english("quote")(call),
    "nihongo": nihongo,
    "frac": lambda call: _as_in_english("frac")(call),
}
"""By the name that stands behind ``!`` in a form."""
