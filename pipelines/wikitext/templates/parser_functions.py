"""Parser functions: ``{{#if:..}}``, ``{{formatnum:..}}``, ``{{lc:..}}``.

Their meaning is that of https://www.mediawiki.org/wiki/Help:Magic_words and
https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from urllib.parse import quote, quote_plus

from pipelines.wikitext.character_references import decode_entities
from pipelines.wikitext.data import read_pairs
from pipelines.wikitext.marks import REMOVED
from pipelines.wikitext.site import Site, upper_first
from pipelines.wikitext.templates.date_formats import format_time
from pipelines.wikitext.templates.date_reading import read_moment
from pipelines.wikitext.templates.expressions import evaluate, write_result
from pipelines.wikitext.templates.language_formats import format_number, language_format, weekday_names
from pipelines.wikitext.templates.languages import language_name
from pipelines.wikitext.templates.numerals import parse_number
from pipelines.wikitext.templates.string_functions import string_function
from pipelines.wikitext.templates.variables import variable_value

__all__ = ["call_parser_function", "is_parser_function"]


@dataclass(frozen=True, slots=True)
class _Call:
    """One use of a parser function: the trimmed text behind the colon and the arguments behind it."""

    argument: str
    arguments: list[str]
    site: Site

    def value(self, index: int) -> str:
        """Return an argument, trimmed; empty where it is missing."""
        return self.arguments[index].strip() if index < len(self.arguments) else ""


_Function = Callable[[_Call], str]


def call_parser_function(
    name: str, argument: str, arguments: list[str], title: str, site: Site
) -> str | None:
    """Return what a parser function or variable stands for, as wikitext; None where `name` is neither.

    `name` stands before the colon, `argument` behind it up to the first ``|``, and `arguments` between the
    further ``|``; all of them expanded. `title` is the page's title as displayed. What cannot be known from
    the page alone (``#property``, addresses, counts of pages) is empty, and so is a date
    where the site's is unknown.
    """
    function = _FUNCTIONS.get(name) or _FUNCTIONS.get(name.lower())
    if function is not None:
        return function(_Call(_bare(argument), arguments, site))
    if name[:1] == "#":
        strings = [_MARKS.sub("", text).strip() for text in (argument, *arguments)]
        return string_function(name.lower(), strings)
    return variable_value(name, argument.strip(), title, site)


def is_parser_function(name: str) -> bool:
    """Return whether what stands before a colon names a parser function."""
    return name.strip().lower() in _FUNCTIONS


def _bare(text: str) -> str:
    """Return `text` trimmed, and without the marks of inner calls that left nothing: what is compared is bare."""
    return (text.replace(REMOVED, "") if REMOVED in text else text).strip()


def _if(call: _Call) -> str:
    """``{{#if: x | yes | no }}``."""
    return call.value(0 if call.argument else 1)


def _equal(left: str, right: str) -> bool:
    if left == right or decode_entities(left) == decode_entities(right):
        return True
    left_number, right_number = parse_number(left), parse_number(right)
    return left_number is not None and left_number == right_number


def _ifeq(call: _Call) -> str:
    """``{{#ifeq: a | b | same | different }}``; numbers compare by value."""
    return call.value(1 if _equal(call.argument, _bare(call.value(0))) else 2)


def _iferror(call: _Call) -> str:
    """``{{#iferror: text | where text is an error | else }}``."""
    if 'class="error"' in call.argument:
        return call.value(0)
    return call.value(1) if len(call.arguments) > 1 else call.argument


_ERROR = '<strong class="error"></strong>'


def _ifexpr(call: _Call) -> str:
    """``{{#ifexpr: 1 > 0 | yes | no }}``."""
    value = evaluate(call.argument)
    return call.value(0 if value else 1)


def _ifexist(call: _Call) -> str:
    """``{{#ifexist: page | yes | no }}``, taking every page to exist."""
    return call.value(0 if call.argument else 1)


def _switch(call: _Call) -> str:
    """``{{#switch: value | a | b = text | #default = text }}``; cases without ``=`` fall through."""
    falls_through = False
    default = ""
    for position, case in enumerate(call.arguments):
        left, equals, right = case.partition("=")
        left = _bare(left)
        if not equals:
            if position == len(call.arguments) - 1:
                return left
            if _equal(left, call.argument):
                falls_through = True
            elif left == "#default":
                default = "#default"
            continue
        if falls_through or _equal(left, call.argument):
            return right.strip()
        if left == "#default" or default == "#default":
            default = right.strip()
    return "" if default == "#default" else default


def _expr(call: _Call) -> str:
    """``{{#expr: 2 * 3 }}`` -> ``6``; where the expression has no value nothing but what ``#iferror`` asks for."""
    value = evaluate(call.argument)
    if value is None:
        return _ERROR if call.argument else ""
    return write_result(value)


def _formatnum(call: _Call) -> str:
    """``{{formatnum:1234567.8}}`` -> ``1,234,567.8``; ``R`` undoes it, ``NOSEP`` leaves it alone."""
    option = call.value(0).upper()
    if option == "R":
        form = language_format(call.site.language)
        text = call.argument.replace(form.thousands, "").replace(" ", "").replace(form.decimal, ".")
        return text.replace("−", "-")
    text = call.argument
    if _WITH_EXPONENT.fullmatch(text):
        text = f"{Decimal(text):f}"
    if option != "NOSEP":
        text = format_number(text, call.site.language)
    return _MINUS.sub("−", text)


_WITH_EXPONENT = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?[eE]\+?\d{1,2}")
_MINUS = re.compile(r"-(?=\.?\d)")


def _pad(call: _Call, *, left: bool) -> str:
    """``{{padleft:7|3}}`` -> ``007``; at most 500 characters."""
    text = call.argument
    length = parse_number(call.value(0))
    padding = _MARKS.sub("", call.value(1)) if len(call.arguments) > 1 else "0"
    if not padding:
        return text
    missing = min(int(length) if length is not None else 0, 500) - len(text)
    if missing <= 0:
        return text
    filling = (padding * (missing // len(padding) + 1))[:missing]
    return filling + text if left else text + filling


def _plural(call: _Call) -> str:
    """``{{plural: 2 | page | pages }}``."""
    return call.value(0 if parse_number(call.argument) == 1 or len(call.arguments) < 2 else 1)


def _tag(call: _Call) -> str:
    """``{{#tag:poem|text}}`` -> ``<poem>text</poem>``; footnotes and pictures are dropped."""
    tag = call.argument.lower()
    if tag in ("ref", "references", "gallery", "imagemap", "timeline", "templatestyles"):
        return ""
    return f"<{tag}>{call.value(0)}</{tag}>" if tag.isalpha() else ""


def _ns(call: _Call) -> str:
    """``{{ns:6}}`` and ``{{ns:Image}}`` -> ``File``."""
    name = call.argument
    number = int(name) if name.lstrip("-").isdecimal() else call.site.namespace_number(name)
    known = call.site.namespace_name(number) if number is not None else None
    return name if known is None else known


def _time(call: _Call) -> str:
    """``{{#time: j F Y | 2001-02-03 }}`` -> ``3 February 2001``; without a date the dump's; a third argument names
    the language.
    """
    text = call.value(0)
    moment = read_moment(text, call.site.date) if text else call.site.date
    if moment is None:
        return _ERROR if text and call.site.date else ""
    return format_time(call.argument, moment, call.value(1) or call.site.language)


def _timef(call: _Call) -> str:
    """``{{#timef: 2001-02-03 | date }}`` -> ``3 February 2001``: date, time, both or day and month, as a language
    writes them.
    """
    moment = read_moment(call.argument, call.site.date) if call.argument else call.site.date
    if moment is None:
        return ""
    language = call.value(1) or call.site.language
    time = format_time("H:i", moment, language)
    form = language_format(language)
    month = form.date_months[moment.month - 1]
    date = form.date.format(d=moment.day, m=month, y=moment.year)
    wanted = call.value(0) or "both"
    if wanted == "time":
        return time
    if wanted == "date":
        return date
    if wanted == "pretty":
        return form.date.replace("{y}", "").format(d=moment.day, m=month).strip(" ,.年")
    if "年" in date:
        weekday = weekday_names(language)[1][moment.isoweekday() % 7]
        return f"{date} ({weekday}) {time}"
    return f"{time}, {date}"


_FORMS = {"mdy": "F j, Y", "dmy": "j F Y", "ymd": "Y F j", "iso 8601": "Y-m-d"}


_DAY_AND_MONTH = re.compile(r"(?:([^\W\d_]+) (\d{1,2})|(\d{1,2}) ([^\W\d_]+))")


def _dateformat(call: _Call) -> str:
    """``{{#dateformat: 2001-02-03 | mdy }}`` -> ``February 3, 2001``; without a form as it is written."""
    form = _FORMS.get(call.value(0).lower())
    if form is None:
        return call.argument
    language = call.site.language
    if day := _DAY_AND_MONTH.fullmatch(call.argument):
        words = language_format(language).date_months
        number = next((n for n, word in enumerate(words, 1) if word.lower() == (day[1] or day[4]).lower()), 0)
        if not number:
            return call.argument
        date = datetime.datetime(2000, number, 1)
        month = format_time("F", date, language)
        return f"{day[2] or day[3]} {month}" if form.startswith("j") else f"{month} {day[2] or day[3]}"
    moment = read_moment(call.argument, None)
    return format_time(form, moment, language) if moment else call.argument


def _titleparts(call: _Call) -> str:
    """``{{#titleparts: a/b/c | 1 | 2 }}`` -> ``b``."""
    title = call.argument.replace("_", " ")
    prefix, colon, page = title.partition(":")
    if colon and call.site.namespace_number(prefix) is not None:
        title = f"{upper_first(prefix.strip())}:{_written_title(page.strip(), call.site)}"
    else:
        title = _written_title(title, call.site)
    # What follows the 24th slash stays whole.
    parts = title.split("/", 24)
    count, first = parse_number(call.value(0)), parse_number(call.value(1))
    start = int(first) if first else 1
    start = start - 1 if start > 0 else start
    kept = parts[start:] if parts else []
    if count:
        kept = kept[: int(count)]
    return "/".join(kept)


def _written_title(title: str, site: Site) -> str:
    return upper_first(title) if site.first_letter_upper else title


def _lc_first(call: _Call) -> str:
    return call.argument[:1].lower() + call.argument[1:]


def _uc_first(call: _Call) -> str:
    first = call.argument[:1]
    dotted = first == "i" and call.site.language in _DOTTED
    return ("İ" if dotted else first.upper()) + call.argument[1:]


_DOTTED = frozenset(("az", "kaa", "tr"))
"""Languages in which the letter i keeps its dot."""
# What stands inside an argument for something that was read already.
_MARKS = re.compile("[\x00-\x08\x0b-\x1f]")


def _anchor_encode(call: _Call) -> str:
    text = _LINK.sub(lambda link: link[1].rpartition("|")[2], call.argument)
    return "_".join(text.replace("_", " ").split())


_LINK = re.compile(r"\[\[([^\[\]]*)\]\]")


def _url_encode(call: _Call) -> str:
    style = call.value(0).upper()
    text = _MARKS.sub("", call.argument)
    if style == "WIKI":
        return quote(text.replace(" ", "_"), safe="/:()!,;@$*'")
    return quote(text) if style == "PATH" else quote_plus(text)


@cache
def _autonyms() -> dict[str, str]:
    return read_pairs("autonyms")


def _language(call: _Call) -> str:
    """``{{#language: de }}`` -> ``Deutsch``, ``{{#language: de | en }}`` -> ``German``.

    Names in other languages than English are not known here; the language's own stands for them.
    """
    code = call.argument.lower()
    name = language_name(code) if call.value(0).lower() == "en" else None
    return name or _autonyms().get(code, call.argument)


def _nothing(_call: _Call) -> str:
    return ""


def _itself(call: _Call) -> str:
    return call.argument


_FUNCTIONS: dict[str, _Function] = {
    "#if": _if,
    "#ifeq": _ifeq,
    "#iferror": _iferror,
    "#ifexpr": _ifexpr,
    "#ifexist": _ifexist,
    "#switch": _switch,
    "#expr": _expr,
    "#tag": _tag,
    "#time": _time,
    "#timel": _time,
    "#timef": _timef,
    "#timefl": _timef,
    "#titleparts": _titleparts,
    "#dateformat": _dateformat,
    "#formatdate": _dateformat,
    "formatdate": _dateformat,
    "formatnum": _formatnum,
    "lc": lambda call: call.argument.lower(),
    "uc": lambda call: call.argument.upper(),
    "lcfirst": _lc_first,
    "ucfirst": _uc_first,
    "padleft": lambda call: _pad(call, left=True),
    "padright": lambda call: _pad(call, left=False),
    "plural": _plural,
    "grammar": lambda call: call.value(0),
    "gender": lambda call: call.value(2) or call.value(0),
    "ns": _ns,
    "nse": _ns,
    "anchorencode": _anchor_encode,
    "urlencode": _url_encode,
    "fullurl": _nothing,
    "localurl": _nothing,
    "canonicalurl": _nothing,
    "filepath": _nothing,
    "#language": _language,
    "#property": _nothing,
    "#statements": _nothing,
    "#section": _nothing,
    "#section-h": _nothing,
    "#lst": _nothing,
    "#lsth": _nothing,
    "#babel": _nothing,
    "#coordinates": _nothing,
    "#related": _nothing,
    "#assessment": _nothing,
    "#rel2abs": _itself,
    "int": _itself,
    "defaultsort": _nothing,
    "defaultsortkey": _nothing,
    "defaultcategorysort": _nothing,
    "displaytitle": _nothing,
    "noexternallanglinks": _nothing,
    "pagesincategory": _nothing,
    "pagesincat": _nothing,
    "pagesize": _nothing,
    "protectionlevel": _nothing,
    "subst": _nothing,
    "safesubst": _nothing,
}
