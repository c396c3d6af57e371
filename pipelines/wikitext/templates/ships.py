"""Names of ships and of their classes, with the links that they make."""

from __future__ import annotations

from pipelines.wikitext.data import read_column
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.numerals import parse_number, write_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _shown(prefix: str, name: str, number: str, display: str) -> str:
    """Return what is shown of a ship's name; `display` adds 4 for the prefix, 2 for the name, 1 for the number."""
    parts = int(display) if display.isdecimal() and len(display) == 1 and display != "0" else 7
    pieces = []
    if parts & 4 and prefix:
        pieces.append(prefix)
    if parts & 2:
        pieces.append(italic(name))
    if parts & 1 and number:
        pieces.append(f"({number})" if parts & 2 else number)
    return " ".join(pieces)


def _ship(prefix: str, name: str, number: str, display: str, *, nolink: bool) -> str | None:
    if not name:
        return None
    shown = _shown(prefix, name, number, display)
    target = " ".join(filter(None, (prefix, plain(name), f"({plain(number)})" if number else "")))
    return shown if nolink or not shown else link(target, shown)


def _register() -> None:
    for prefix in read_column("ship_prefixes"):

        @template(prefix)
        def ship_of_prefix(call: TemplateCall, prefix: str = prefix) -> str | None:
            """``{{HMS|Ajax|22}}`` -> ``[[HMS Ajax (22)|HMS ''Ajax'' (22)]]``, ``|2`` behind it the name alone."""
            name, number, display = call.get("1"), call.get("2"), call.get("3")
            return _ship(prefix, name, number, display, nolink=bool(call.get("nolink")))


_register()


@template("ship", "shipl", "ship link")
def ship(call: TemplateCall) -> str | None:
    """``{{ship|HMS|Ajax|22|6}}`` -> ``[[HMS Ajax (22)|HMS ''Ajax'']]``; ``{{ship||Aberdeen}}`` has no prefix."""
    prefix, name, number, display = [*call.positional(), "", "", "", ""][:4]
    display = call.get("up") or display
    return _ship(prefix, name, number, display, nolink=bool(call.get("nolink")))


def _register_slashed() -> None:
    for prefix in ("M/V", "M/S", "S/S", "R/V", "M/Y", "S/V", "S/Y", "F/V"):

        @template(prefix)
        def ship_of_slashed_prefix(call: TemplateCall, prefix: str = prefix) -> str | None:
            """``{{M/V|Ajax}}`` -> ``[[MV Ajax|MV ''Ajax'']]``."""
            name, number, display = call.get("1"), call.get("2"), call.get("3")
            return _ship(prefix.replace("/", ""), name, number, display, nolink=bool(call.get("nolink")))


_register_slashed()


@template("jsub", "JSub")
def japanese_submarine(call: TemplateCall) -> str | None:
    """``{{jsub|I-19}}`` -> ``[[Japanese submarine I-19|''I-19'']]``."""
    name, number = call.get("1"), call.get("2")
    return (
        link(f"Japanese submarine {name}{f' ({number})' if number else ''}", italic(name)) if name else None
    )


@template("GS", "SMU", "SM")
def submarine(call: TemplateCall) -> str | None:
    """``{{GS|U-47|1938}}`` -> ``[[German submarine U-47 (1938)|''U-47'']]``."""
    name, number = call.get("1"), call.get("2")
    if not name:
        return None
    prefix = "SM" if call.is_called("SM", "SMU") else "German submarine"
    target = f"{prefix} {name}" + (f" ({number})" if number else "")
    shown = f"SM {italic(name)}" if prefix == "SM" else italic(name)
    return link(target, shown if not call.get("3") or call.get("3") != "2" else italic(name))


@template("sclass", "sclass2", "sclass-", "sclass2-")
def ship_class(call: TemplateCall) -> str | None:
    """``{{sclass|Kidd|destroyer|1}}`` -> ``[[Kidd-class destroyer|''Kidd''-class destroyer]]``.

    The third argument: 0 the class alone, 1 one link, 2 the type without a link, 3 (default) with a link of its
    own, 4 the class as a noun, 5 the name alone. A fourth and a fifth tell articles of one name apart.
    """
    name, kind, form, kind_note, class_note = [*call.positional(), "", "", "", "", ""][:5]
    if not name or not kind:
        return None
    shown = name if call.name.startswith("sclass2") else italic(name)
    target = f"{plain(name)}-class {plain(kind)}" + (f" ({class_note})" if class_note else "")
    kind_target = f"{plain(kind)} ({kind_note})" if kind_note else plain(kind)
    if form == "0":
        return link(target, f"{shown}-class")
    if form == "1":
        return link(target, f"{shown}-class {kind}")
    if form == "2":
        return f"{link(target, f'{shown}-class')} {kind}"
    if form == "4":
        return link(target, f"{shown} class")
    if form == "5":
        return link(target, shown)
    return f"{link(target, f'{shown}-class')} {link(kind_target, kind)}"


_TONNAGES = {
    "GRT": ("Gross register tonnage", "GRT"),
    "NRT": ("Net register tonnage", "NRT"),
    "GT": ("Gross tonnage", "GT"),
    "NT": ("Net tonnage", "NT"),
    "DWT": ("Deadweight tonnage", "DWT"),
    "TEU": ("Twenty-foot equivalent unit", "TEU"),
    "CGT": ("Compensated gross tonnage", "CGT"),
}


def _register_tonnages() -> None:
    for name, (article, unit) in _TONNAGES.items():

        @template(name)
        def tonnage(call: TemplateCall, article: str = article, unit: str = unit) -> str:
            """``{{GRT|5000}}`` -> ``5,000 [[Gross register tonnage|GRT]]``; the unit alone without a number."""
            size = parse_number(call.get("1"))
            shown = write_number(size) if size is not None else call.get("1")
            return f"{shown} {link(article, unit)}".lstrip()


_register_tonnages()


@template("jclass")
def japanese_class(call: TemplateCall) -> str:
    """``{{jclass|Kongō}}`` -> ``''Kongō''-class``."""
    return f"{italic(call.get('1'))}-class" if call.get("1") else ""


@template("sub class", "submarine class")
def submarine_class(call: TemplateCall) -> str | None:
    """``{{submarine class|Oscar}}`` -> ``[[Oscar-class submarine]]``."""
    name = call.get("1")
    return link(f"{name}-class submarine") if name else None


@template("flagship")
def flagship(call: TemplateCall) -> str | None:
    """``{{flagship|United Kingdom|HMS|Ajax}}`` -> the ship; the flag is left out."""
    _, prefix, name, number, display = [*call.positional(), "", "", "", "", ""][:5]
    return _ship(prefix, name, number, display, nolink=False)
