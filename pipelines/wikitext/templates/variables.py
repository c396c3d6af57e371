"""Variables: ``{{PAGENAME}}``, ``{{CURRENTYEAR}}``, ``{{!}}``; see https://www.mediawiki.org/wiki/Help:Magic_words."""

from __future__ import annotations

import html
from urllib.parse import quote

from pipelines.wikitext.site import Site
from pipelines.wikitext.templates.date_formats import format_time

__all__ = ["variable_value"]


def variable_value(name: str, argument: str, title: str, site: Site) -> str | None:
    """Return what the variable `name` stands for on the page `title`, or on the page `argument`; None for others."""
    variable = name[:1].upper() + name[1:]
    if variable in _TITLE_PARTS:
        return _title_part(variable, argument or title, site)
    if variable in _DATE_FORMATS:
        return format_time(_DATE_FORMATS[variable], site.date, site.language) if site.date else ""
    return _CONSTANTS.get(variable)


_CONSTANTS = {
    "!": "|",
    "=": "=",
    "!!": "||",
    "(": "{",
    ")": "}",
    "SITENAME": "Wikipedia",
    "NAMESPACENUMBER": "0",
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
    "CONTENTLANGUAGE": "",
    "CONTENTLANG": "",
    "PAGEID": "",
    "PAGELANGUAGE": "",
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
    if not colon or namespace.strip().lower() not in site.namespaces:
        namespace, page = "", title
    page = page.strip()
    parts = {
        "PAGENAME": page,
        "FULLPAGENAME": title,
        "BASEPAGENAME": page.rpartition("/")[0] or page,
        "SUBPAGENAME": page.rpartition("/")[2],
        "ROOTPAGENAME": page.partition("/")[0],
        "NAMESPACE": namespace,
        "SUBJECTSPACE": namespace,
        "ARTICLESPACE": namespace,
        "TALKSPACE": f"{namespace} talk".strip().capitalize(),
        "ARTICLEPAGENAME": title,
        "SUBJECTPAGENAME": title,
        "TALKPAGENAME": f"{namespace} talk".strip().capitalize() + ":" + page,
    }
    text = parts[name]
    return quote(text.replace(" ", "_"), safe="/:()!,;@$*'") if name != variable else text
