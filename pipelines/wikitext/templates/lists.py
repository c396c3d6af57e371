"""Lists and columns that are written as templates."""

from __future__ import annotations

from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _items(call: TemplateCall) -> list[str]:
    return [item for item in call.positional() if item]


@template("hlist", "hlist2", "horizontal list", "pipelist", "dotlist", "slashlist", "cslist")
@template("comma separated entries", "comma separated values")
@template("enum", "catlist", "pagelist")
def horizontal_list(call: TemplateCall) -> str:
    """``{{hlist|red|green}}`` -> ``red, green``: the dots between items are commas in a sentence."""
    items = _items(call)
    if call.name == "enum" and len(items) > 1:
        return f"{', '.join(items[:-1])}{',' if len(items) > 2 else ''} and {items[-1]}"
    return ", ".join(items)


@template(
    "unbulleted list",
    "ubl",
    "ubt",
    "unbullet",
    "unbulleted",
    "ublist",
    "ubli",
    "vunblist",
    "unbulleted indent list",
    "br separated entries",
)
@template(
    "bulleted list",
    "blist",
    "anchored list",
    "bare anchored list",
    "bulletlist",
    "unordered list",
    "bullet list",
)
def vertical_list(call: TemplateCall) -> str:
    """``{{ubl|red|green}}`` -> a list of an item a line."""
    return _vertical(call)


def _vertical(call: TemplateCall) -> str:
    return "\n" + "\n".join(f"* {_one_line(item)}" for item in _items(call)) + "\n" if _items(call) else ""


def _one_line(item: str) -> str:
    return " ".join(item.split("\n")) if "\n" in item and "\n*" not in item else item


@template("ordered list", "olist", "numbered list")
def ordered_list(call: TemplateCall) -> str:
    """``{{olist|first|second}}`` -> a numbered list."""
    return "\n" + "\n".join(f"# {_one_line(item)}" for item in _items(call)) + "\n" if _items(call) else ""


@template(
    "plainlist",
    "plain list",
    "flatlist",
    "flat list",
    "startflatlist",
    "startplainlist",
    "indented plainlist",
    "flowlist",
)
@template("columns-list", "columnslist", "columns list", "collist", "cmn", "cast listing", "cast list")
def list_of_lines(call: TemplateCall) -> str:
    """``{{plainlist|* red\\n* green}}`` -> its list as it stands; as an opening tag (``{{plainlist}}``) nothing."""
    text = call.get("1", "content", "list", "col1")
    return f"\n{text}\n" if text else ""


@template("collapsible list", "collapsed list", "clist", "hidden")
def collapsible_list(call: TemplateCall) -> str:
    """``{{collapsible list|title=Members|Ann|Bob}}`` -> the items as a list."""
    if call.name == "hidden":
        return call.get("2", "content", "text")
    return _vertical(call)


@template("glossary", "glossary end")
def glossary(_call: TemplateCall) -> str:
    """``{{glossary}}`` -> nothing: the frame of a list of definitions."""
    return ""


@template("term", "glossary term")
def term(call: TemplateCall) -> str:
    """``{{term|word|content=shown}}`` -> a defined term on a line of its own."""
    shown = call.get("content", "2", "term", "1")
    return f"\n; {shown}\n" if shown else ""


@template("defn")
def definition(call: TemplateCall) -> str:
    """``{{defn|what it means}}`` -> the definition on a line of its own."""
    text = call.get("defn", "content", "1")
    return f"\n: {text}\n" if text else ""


@template("gli", "glossary link internal", "glossary link", "glink", "glossary link term")
def glossary_link(call: TemplateCall) -> str:
    """``{{gli|word|shown}}`` -> ``shown``."""
    return call.get("3", "2", "1") if call.name == "glossary link" else call.get("2", "1")


@template("video game release", "vgrelease", "vg release", "vgrelease new")
def releases(call: TemplateCall) -> str | None:
    """``{{video game release|NA|June 1, 2005|EU|July 2005}}`` -> ``NA: June 1, 2005, EU: July 2005``."""
    words = [word for word in call.positional() if word]
    pairs = zip(words[::2], words[1::2], strict=False)
    return ", ".join(f"{region}: {date}" for region, date in pairs) or None


@template("linum", "lino")
def numbered_line(call: TemplateCall) -> str:
    """``{{linum|5|text}}`` -> ``text``: the numbers of a poem's lines stand beside it."""
    return call.get("2")


@template("columns", "columns2")
def columns(call: TemplateCall) -> str:
    """``{{columns|col1=* red|col2=* green}}`` -> the columns one below the other."""
    texts = [call.get(f"col{number}") for number in range(1, 21)]
    shown = "\n".join(text for text in texts if text)
    return f"\n{shown}\n" if shown else ""
