"""Variables: ``{{PAGENAME}}``, ``{{CURRENTYEAR}}``, ``{{!}}``; see https://www.mediawiki.org/wiki/Help:Magic_words."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

from pipelines.wikitext.site import ARTICLES, Site
from pipelines.wikitext.templates.date_formats import format_time

__all__ = ["variable_value"]


def variable_value(name: str, argument: str, title: str, site: Site) -> str | None:
    """Return what the variable `name` stands for on the page `title`, or on the page `argument`; None for others."""
    variable = name[:1].upper() + name[1:]
    if variable in _TITLE_PARTS:
        return _title_part(variable, argument or title, site)
    if variable in _DATE_FORMATS:
        value = format_time(_DATE_FORMATS[variable], site.date, site.language) if site.date else ""
        return value.lstrip("0") if variable.endswith("WEEK") else value
    if variable in _LANGUAGES:
        return site.language
    return _CONSTANTS.get(variable)


_LANGUAGES = frozenset(("CONTENTLANGUAGE", "CONTENTLANG", "PAGELANGUAGE"))


_CONSTANTS = {
    "!": "|",
    "=": "=",
    "!!": "||",
    "(": "{",
    ")": "}",
    "SITENAME": "Wikipedia",
    "DIRECTIONMARK": "",
    "DIRMARK": "",
    "REVISIONID": "",
    "REVISIONUSER": "",
    "NUMBEROFARTICLES": "",
    "NUMBEROFPAGES": "",
    "NUMBEROFUSERS": "",
    "NOEXTERNALLANGLINKS": "",
    "SERVER": "",
    "SERVERNAME": "",
    "SCRIPTPATH": "",
    "STYLEPATH": "",
    "CURRENTVERSION": "",
    "PAGEID": "",
}

_DATE_FORMATS = {
    "CURRENTYEAR": "Y",
    "CURRENTMONTH": "m",
    "CURRENTMONTH1": "n",
    "CURRENTMONTHNAME": "F",
    "CURRENTMONTHNAMEGEN": "xg",
    "CURRENTMONTHABBREV": "M",
    "CURRENTDAY": "j",
    "CURRENTDAY2": "d",
    "CURRENTDOW": "w",
    "CURRENTDAYNAME": "l",
    "CURRENTTIME": "H:i",
    "CURRENTHOUR": "H",
    "CURRENTWEEK": "W",
    "CURRENTTIMESTAMP": "YmdHis",
    "REVISIONYEAR": "Y",
    "REVISIONMONTH": "m",
    "REVISIONDAY": "j",
    "REVISIONTIMESTAMP": "YmdHis",
}

_DATE_FORMATS |= {
    name.replace("CURRENT", "LOCAL"): form
    for name, form in _DATE_FORMATS.items()
    if name.startswith("CURRENT")
}

_TITLE_PARTS = frozenset(
    name + ending
    for name in (
        "NAMESPACENUMBER",
        "PAGENAME",
        "FULLPAGENAME",
        "BASEPAGENAME",
        "SUBPAGENAME",
        "ROOTPAGENAME",
        "NAMESPACE",
        "TALKSPACE",
        "SUBJECTSPACE",
        "ARTICLESPACE",
        "ARTICLEPAGENAME",
        "SUBJECTPAGENAME",
        "TALKPAGENAME",
    )
    for ending in ("", "E")
)


def _title_part(variable: str, title: str, site: Site) -> str:
    """Return a part of the page's title, as ``{{PAGENAME}}`` and its kin do."""
    name = variable[:-1] if variable.endswith("NAMEE") or variable.endswith("SPACEE") else variable
    title = html.unescape(title.replace("_", " "))
    namespace, colon, page = title.partition(":")
    number = site.namespace_number(namespace) if colon else ARTICLES
    if number is None or not colon:
        namespace, page, number = "", title, ARTICLES
    page = page.strip()
    # Talk pages have the odd numbers.
    subject = site.namespace_name(number - number % 2) or ""
    talk = site.namespace_name(number | 1) or ""
    parts = {
        "PAGENAME": page,
        "FULLPAGENAME": title,
        "BASEPAGENAME": page.rpartition("/")[0] or page,
        "SUBPAGENAME": page.rpartition("/")[2],
        "ROOTPAGENAME": page.partition("/")[0],
        "NAMESPACE": namespace,
        "NAMESPACENUMBER": str(number),
        "SUBJECTSPACE": subject,
        "ARTICLESPACE": subject,
        "TALKSPACE": talk,
        "ARTICLEPAGENAME": f"{subject}:{page}" if subject else page,
        "SUBJECTPAGENAME": f"{subject}:{page}" if subject else page,
        "TALKPAGENAME": f"{talk}:{page}",
    }
    text = parts[name]
    return _as_text(quote(text.replace(" ", "_"), safe="/:()!,;@$*'") if name != variable else text)


# Signs at which a title would be read as wikitext where it stands in a text: `wfEscapeWikiText` hides them.
_READ_AS_WIKITEXT = re.compile(r"\A[*#:;]|\A'|'\Z|''+|&(?=#?[A-Za-z0-9]+;)")


def _as_text(title: str) -> str:
    return _READ_AS_WIKITEXT.sub(lambda signs: "".join(f"&#{ord(sign)};" for sign in signs[0]), title)
