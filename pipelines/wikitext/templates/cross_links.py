"""Links that templates make: to other languages and to sections, short citations within the text."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.languages import is_language_code, language_name
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("ill", "ILL", "interlanguage link", "interlanguage link multi", "illm", "link-interwiki")
@template("interlanguage link forced", "Ill-WD2")
def interlanguage_link(call: TemplateCall) -> str | None:
    """``{{ill|Jo Nesbø|no|lt=the author}}`` -> ``[[Jo Nesbø|the author]]``; the codes behind it are not shown.

    In the older ``{{ill|de|Titel|Title|text}}`` the code comes first.
    """
    first, second = call.get("1", "en"), call.get("2")
    text = call.get("lt", "display", "d")
    if is_language_code(first) and len(first) <= 3 and second and not is_language_code(second):
        first, text = call.get("3", "2"), text or call.get("4")
    if not first:
        return None
    if call.get("italic", "i").lower() in ("y", "yes", "1"):
        text = italic(text or first)
    if call.get("quote", "q").lower() in ("y", "yes", "1"):
        return f'"{link(plain(first), text)}"'
    return link(plain(first), text) if "[[" not in first else first


@template("linktext")
def link_text(call: TemplateCall) -> str:
    """``{{linktext|漢|字}}`` -> ``漢字``: links to the dictionary, which are no anchors."""
    return "".join(call.arguments.get(str(number), "") for number in range(1, 10)).strip()


@template("section link", "slink", "sectionlink", "§")
def section_link(call: TemplateCall) -> str | None:
    """``{{section link|Moon|Orbit}}`` -> ``[[Moon#Orbit|Moon § Orbit]]``; without a page the page's own section."""
    arguments = [argument.lstrip("#") for argument in call.positional()]
    if not arguments:
        return None
    page, *sections = arguments
    page, hash_sign, section = page.partition("#")
    if hash_sign:
        sections.insert(0, section)
    sections = [section for section in sections if section]
    if call.get("nopage").lower() in ("y", "yes", "1"):
        page = ""
    if not sections:
        return link(page) if page else None
    shown = f"§§ {', '.join(sections)}" if len(sections) > 1 else f"§ {sections[0]}"
    if not page:
        return shown
    return link(f"{page}#{sections[0]}", f"{plain(page)} {shown}")


@template("format link")
def formatted_link(call: TemplateCall) -> str | None:
    """``{{format link|Moon#Orbit}}`` -> ``[[Moon#Orbit|Moon § Orbit]]``."""
    page, _, section = call.get("1").partition("#")
    if not page:
        return f"§ {section}" if section else None
    target = f"{page}#{section}" if section else page
    return link(target, call.get("2", default=f"{plain(page)} § {section}" if section else ""))


@template("annotated link", "anl")
def plain_link(call: TemplateCall) -> str | None:
    """``{{annotated link|Moon}}`` -> ``[[Moon]]``; the annotation is the other page's own description."""
    target = call.get("1")
    return link(target, call.get("2", "display")) if target else None


@template("w", "wikilink", "wl", "auto link", "colored link", "bl")
def wikilink(call: TemplateCall) -> str | None:
    """``{{w|Cromer|the town}}`` -> ``[[Cromer|the town]]``; `colored link` has a colour in front."""
    first = 2 if call.name == "colored link" else 1
    target = call.get(str(first))
    return link(target, call.get(str(first + 1))) if target else None


@template("no redirect", "noredirect")
def link_to_redirect(call: TemplateCall) -> str | None:
    """``{{no redirect|Luna|the Moon}}`` -> ``[[Luna|the Moon]]``."""
    target = call.get("1")
    return link(target, call.get("2")) if target else None


@template("flag+link", "flag link+", "flagg link")
def flag_and_link(call: TemplateCall) -> str | None:
    """``{{flag+link|Football in|Spain}}`` -> ``[[Football in Spain|Spain]]``."""
    before, country = call.get("1"), call.get("2")
    return link(f"{before} {country}", country) if before and country else None


@template("vanchor", "visible anchor", "vanchors")
def visible_anchor(call: TemplateCall) -> str:
    """``{{vanchor|phalanx|other name}}`` -> ``phalanx``; ``text=`` shows something else."""
    return call.get("text", "1")


@template("user")
def user(call: TemplateCall) -> str:
    """``{{user|Name}}`` -> ``Name``."""
    return call.get("1")


@template("pslink")
def plural_link(call: TemplateCall) -> str | None:
    """``{{pslink|horse}}`` -> ``[[horse]]s``."""
    target = call.get("1")
    return link(target, call.get("2", default=f"{target}s")) if target else None


@template("ital link", "italics link")
def italic_link(call: TemplateCall) -> str | None:
    """``{{italics link|Title}}`` -> ``[[Title|''Title'']]``."""
    target = call.get("1")
    return link(target, italic(call.get("2", "1"))) if target else None


@template("lcl")
def lower_link(call: TemplateCall) -> str | None:
    """``{{lcl|Moon}}`` -> ``[[Moon|moon]]``."""
    target = call.get("1")
    return link(target, target[:1].lower() + target[1:]) if target else None


# A bracket with a disambiguation at the end of a title.
_DISAMBIGUATION = re.compile(r"\s*\([^()]*\)\Z")


@template("nodab", "no dab")
def without_disambiguation(call: TemplateCall) -> str | None:
    """``{{nodab|Mercury (planet)}}`` -> ``[[Mercury (planet)|Mercury]]``."""
    target = call.get("1")
    return link(target, _DISAMBIGUATION.sub("", target)) if target else None


@template("URL", "url", "Official URL")
def address(call: TemplateCall) -> str:
    """``{{URL|example.org|shown}}`` -> ``shown``, or the address without its beginning."""
    shown = call.get("2")
    if shown:
        return shown
    return call.get("1").removeprefix("https://").removeprefix("http://").removeprefix("//").rstrip("/")


@template("YouTube", "vimeo")
def video_link(call: TemplateCall) -> str:
    """``{{YouTube|id|''Title''}}`` -> ``''Title''``; without a title nothing."""
    return call.get("2", "title")


@template("plain link", "plain url", "plainlink2")
def external_link(call: TemplateCall) -> str:
    """``{{plain link|url=..|name=Site}}`` -> ``Site``."""
    return call.get("name", "2")


@template("man", "man page")
def manual_page(call: TemplateCall) -> str:
    """``{{man|1|ls}}`` -> ``ls(1)``."""
    section, page = call.get("1"), call.get("2")
    return f"{page}({section})" if page else section


@template("native name list")
def native_names(call: TemplateCall) -> str:
    """``{{native name list|tag1=fr|name1=Genève|tag2=de|name2=Genf}}`` -> ``Genève (French), Genf (German)``."""
    names = []
    for number in range(1, 20):
        if not (name := call.get(f"name{number}")):
            break
        language = language_name(call.get(f"tag{number}"))
        names.append(f"{italic(name)} ({language})" if language else italic(name))
    return ", ".join(names)


@template("harvtxt", "harvard citation text", "harvs", "harvcoltxt", "harvard citations")
def author_year(call: TemplateCall) -> str:
    """``{{harvtxt|Smith|Jones|1990|p=5}}`` -> ``Smith & Jones (1990, p. 5)``."""
    authors, year = _authors(call)
    if call.name == "harvs" and year and not call.get("txt") and "txt" not in call.positional():
        bare = call.get("nb") or "nb" in call.positional()
        return f"{authors} {year}{_pages(call)}" if bare else f"({authors} {year}{_pages(call)})"
    return f"{authors} ({year}{_pages(call)})" if year else authors


@template(
    "harvnb", "harvard citation no brackets", "harvcolnb", "harvp", "harvcol", "harv", "harvard citation"
)
def short_citation(call: TemplateCall) -> str:
    """``{{harvnb|Smith|1990|p=5}}`` -> ``Smith 1990, p. 5``; ``{{harv|Smith|1990}}`` -> ``(Smith 1990)``."""
    authors, year = _authors(call)
    if call.name == "harvp":
        return f"{authors} ({year}){_pages(call)}" if year else authors
    text = f"{authors} {year}{_pages(call)}".strip()
    return f"({text})" if call.name in ("harv", "harvcol", "harvard citation") else text


def _authors(call: TemplateCall) -> tuple[str, str]:
    arguments = [argument for argument in call.positional()[:6] if argument]
    year = arguments.pop() if len(arguments) > 1 else call.get("year", "y")
    if call.name == "harvs":
        arguments = [call.get("last", "last1"), call.get("last2"), call.get("last3")]
        arguments = [argument for argument in arguments if argument]
        year = call.get("year")
    if len(arguments) > 3:
        return f"{arguments[0]} et al.", year
    if len(arguments) > 1:
        return f"{', '.join(arguments[:-1])} & {arguments[-1]}", year
    return "".join(arguments), year


def _pages(call: TemplateCall) -> str:
    if call.name.startswith("harvcol"):
        page = call.get("p", "page", "pp", "pages", "loc")
        return f":{page}" if page else ""
    if page := call.get("p", "page"):
        return f", p. {page}"
    if pages := call.get("pp", "pages"):
        return f", pp. {pages}"
    return f", {call.get('loc')}" if call.get("loc") else ""
