"""Signs, spaces and dashes; the dress of words: size and weight, brackets and quotation marks, explanations."""

from __future__ import annotations

from pipelines.wikitext.data import read_column, read_table
from pipelines.wikitext.templates.markup import link, plain
from pipelines.wikitext.templates.numerals import parse_number
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []

_YES = frozenset(("y", "yes", "1", "true"))


def _register_signs() -> None:
    for sign, names in read_table("signs"):
        sign = sign.replace("\\n", "\n").replace("\\\\", "\\")

        @template(*names.split("|"))
        def constant(_call: TemplateCall, sign: str = sign) -> str:
            """``{{snd}}`` -> the sign of its row in the table."""
            return sign


_register_signs()


@template(
    "nbsp",
    "spaces",
    "nbsp2",
    "non-breaking space",
    "nbsps",
    "hardspace",
    "pad",
    "spacer",
    "indent",
    "in5",
    "nb5",
)
def spaces(_call: TemplateCall) -> str:
    """``{{nbsp}}``, ``{{spaces|5}}`` -> a space; a number of them is only for show."""
    return " "


@template(*read_column("dresses"))
def dressed(call: TemplateCall) -> str:
    """``{{nowrap|3 km}}`` -> ``3 km``; size, colour, weight and line breaks do not change the words."""
    text = call.get("1", "text", "content")
    written = call.arguments.get("1", "")
    if text and written[:1] == " " and call.before and not call.before[-1:].isspace():
        # White space in the argument shows, as on the wiki.
        text = " " + text
    return text + " " if text and written[-1:] == " " else text


@template(
    "fgcolor",
    "font color",
    "fontcolor",
    "font colour",
    "color",
    "colour",
    "colored text",
    "bg",
    "background color",
    "fg",
    "colored link text",
    "line-height",
    "strikethrough color",
)
def coloured(call: TemplateCall) -> str:
    """``{{fgcolor|red|word}}`` and ``{{font color|red|blue|word}}`` -> ``word``."""
    return call.get("text", "3", "2", "1")


@template("resize", "align", "lower", "raise", "lowered", "raised", "float", "font size", "aligned text")
def placed(call: TemplateCall) -> str:
    """``{{resize|90%|word}}`` and ``{{align|right|word}}`` -> ``word``; ``{{resize|word}}`` too."""
    return call.get("2", "1", "text")


@template("ctrl")
def control_key(call: TemplateCall) -> str:
    """``{{ctrl|C}}`` -> ``Ctrl+C``."""
    return "+".join(["Ctrl", *(key for key in call.positional() if key)])


@template("keypress", "key press")
def keys(call: TemplateCall) -> str:
    """``{{key press|Ctrl|C}}`` -> ``Ctrl+C``."""
    return "+".join(key for key in call.positional() if key)


@template("tl", "tlx", "tlc", "tlp", "template link")
@template("lts", "ti", "tic", "tlt", "ttl", "tl2", "tlu", "tl-r", "braces")
def template_name(call: TemplateCall) -> str:
    """``{{tl|name}}`` -> ``{{name}}``, as text."""
    return f"&#123;&#123;{call.get('1')}&#125;&#125;"


@template("a.k.a.", "aka", "a.k.a")
def also_known_as(call: TemplateCall) -> str:
    """``{{a.k.a.|name}}`` -> ``a.k.a. name``."""
    return f"a.k.a. {call.get('1')}".rstrip()


@template("legend", "legend2", "legend0", "legend-line", "color box", "colorbox")
def legend(call: TemplateCall) -> str:
    """``{{legend|#00F|water}}`` -> ``water``; the patch of colour says nothing in text."""
    return call.get("2")


@template("small caps", "smallcaps", "smallcaps all", "smcaps", "smallcap", "scaps")
def small_capitals(call: TemplateCall) -> str:
    """``{{smallcaps|Lord}}`` -> ``Lord``: the letters stay as they are written."""
    return call.get("1")


@template("sc", "sc1", "sc2", "allsmallcaps", "caps")
def capitals(call: TemplateCall) -> str:
    """``{{sc|ad}}`` -> ``AD``: all letters are shown as capitals, small or large."""
    return call.get("1").upper() if "[[" not in call.get("1") and "&" not in call.get("1") else call.get("1")


@template("sup", "superscript", "sups", "exp", "power")
def superscript(call: TemplateCall) -> str:
    """``{{sup|7}}`` -> ``<sup>7</sup>``."""
    return f"<sup>{call.get('1')}</sup>"


@template("sub", "subscript", "subs")
def subscript(call: TemplateCall) -> str:
    """``{{sub|2}}`` -> ``<sub>2</sub>``."""
    return f"<sub>{call.get('1')}</sub>"


@template("su", "supsub", "sub and sup", "subsup", "su2")
def stacked(call: TemplateCall) -> str:
    """``{{su|p=+|b=4}}`` -> ``<sub>4</sub><sup>+</sup>``; ``{{subsup|x|b|p}}`` has the base in front."""
    if call.name.lower().startswith("subsup"):
        return f"{call.get('1')}<sub>{call.get('2')}</sub><sup>{call.get('3')}</sup>"
    below, above = call.get("b", "2"), call.get("p", "1")
    return (f"<sub>{below}</sub>" if below else "") + (f"<sup>{above}</sup>" if above else "")


@template("abbr", "abbrv", "tooltip", "hover title", "h:title", "define", "hover", "hint", "explainer")
def abbreviation(call: TemplateCall) -> str:
    """``{{abbr|cf.|compare}}`` -> ``cf.``; the explanation shows under the pointer alone."""
    if call.name.lower() in ("h:title", "hover title", "hover"):
        return call.get("2", "1")
    return call.get("1")


@template("abbrlink", "abbr link", "abbrl")
def linked_abbreviation(call: TemplateCall) -> str | None:
    """``{{abbrlink|WHO|World Health Organization}}`` -> ``[[World Health Organization|WHO]]``."""
    shown = call.get("1")
    return link(plain(call.get("2", default=shown)), shown) if shown else None


@template("abbreviation", "initialism")
def spelt_abbreviation(call: TemplateCall) -> str:
    """``{{abbreviation|TLA|three-letter acronym}}`` -> ``TLA``."""
    return call.get("1")


@template("sic", "sic.", "sics")
def sic(call: TemplateCall) -> str:
    """``{{sic}}`` -> ``[sic]``, ``{{sic|wrong|spel|ling}}`` -> ``wrongspelling [sic]``, hidden with ``hide=y``.

    The word is a link to its article unless ``nolink=y``; ``{{sic|?|word}}`` asks: ``word [sic?]``.
    """
    pieces = call.positional()
    doubt = "?" if pieces and pieces[0] == "?" else ""
    words = "".join(pieces[1:] if doubt else pieces)
    if call.get("hide").lower() in _YES:
        return words
    mark = "sic" if call.get("nolink").lower() in _YES else link("Sic", "sic")
    return f"{words} &#91;{mark}{doubt}&#93;".lstrip()


@template("sic hide", "sichide", "sic2 hide")
def hidden_sic(call: TemplateCall) -> str:
    """``{{sic hide|wrong|spelling}}`` -> ``wrongspelling``."""
    return "".join(call.positional())


@template("lit", "literally", "literal translation", "lit.", "literal")
def literally(call: TemplateCall) -> str:
    """``{{lit|rising sun}}`` -> ``lit. 'rising sun'``; several meanings are joined by ``or``."""
    meanings = [f"'{meaning}'" for meaning in call.positional() if meaning]
    return "lit." if not meanings else "lit. " + " or ".join(meanings)


@template("gloss", "glossed", "single quotes", "single")
def gloss(call: TemplateCall) -> str:
    """``{{gloss|bread}}`` -> ``'bread'``."""
    text = call.get("1")
    return f"'{text}'" if text else ""


@template("single+double", "sd quotes")
def quoted_twice(call: TemplateCall) -> str:
    """``{{single+double|word}}`` -> ``'"word"'``."""
    return f"'\"{call.get('1')}\"'"


@template("double+single")
def quoted_twice_outside_double(call: TemplateCall) -> str:
    """``{{double+single|word}}`` -> ``"'word'"``."""
    return f"\"'{call.get('1')}'\""


@template("double quotes", '"', "qq", "quoted", "q", "qi")
def quoted(call: TemplateCall) -> str:
    """``{{qq|word}}`` -> ``"word"``."""
    text = call.get("1")
    return f'"{text}"' if text else '"'


@template(
    "angbr",
    "angle bracket",
    "angle brackets",
    "angbr ipa",
    "grapheme",
    "gph",
    "chevron",
    "Angbr IPA",
    "anglebracket",
)
def angle_brackets(call: TemplateCall) -> str:
    """``{{angbr|sh}}`` -> ``⟨sh⟩``; ``{{angbr|a|b}}`` -> ``⟨a⟩, ⟨b⟩`` is written by several uses."""
    return f"⟨{call.get('1')}⟩"


@template("angbr2", "guillemets")
def guillemets(call: TemplateCall) -> str:
    """``{{guillemets|mot}}`` -> ``«mot»``."""
    return f"«{call.get('1')}»"


@template("bracket", "brackets", "square bracket", "sqb")
def brackets(call: TemplateCall) -> str:
    """``{{bracket|text}}`` -> ``[text]``."""
    return f"&#91;{call.get('1')}&#93;"


@template("bra", "ket", "braket", "bra-ket")
def quantum_state(call: TemplateCall) -> str:
    """``{{ket|0}}`` -> ``|0⟩``."""
    text = call.get("1")
    if call.name == "ket":
        return f"|{text}⟩"
    return f"⟨{text}|" if call.name == "bra" else f"⟨{text}|{call.get('2')}⟩"


@template(
    "overline",
    "underoverline",
    "overbar",
    "underbar",
    "underscore",
    "oline",
    "overarc",
    "vec",
    "doubleunderline",
)
def lined(call: TemplateCall) -> str:
    """``{{overline|AB}}`` -> ``AB``."""
    return call.get("1")


@template("overset", "underset")
def overset(call: TemplateCall) -> str:
    """``{{overset|above|base}}`` -> ``base``."""
    return call.get("2")


@template("overunderset", "underoverset")
def overunderset(call: TemplateCall) -> str:
    """``{{overunderset|→|heat|acid}}`` -> ``→``: what stands on and under an arrow is left out."""
    return call.get("1")


@template("ruby", "ruby-ja", "ruby/ja", "ruby-zh-p", "ruby-ko", "furigana", "ruby-zh-b", "ruby-py")
def ruby(call: TemplateCall) -> str:
    """``{{ruby|漢字|かんじ}}`` -> ``漢字 (かんじ)``, as browsers without ruby show it."""
    base, above = call.get("1"), call.get("2")
    return f"{base} ({above})" if above else base


@template("initials", "nospace")
def unspaced(call: TemplateCall) -> str:
    """``{{nospace|J. R.}}`` -> ``J.R.``."""
    return "".join(plain(call.get("1")).split())


@template("lcase")
def lower_case(call: TemplateCall) -> str:
    """``{{lcase|ABC}}`` -> ``abc``."""
    return call.get("1").lower()


@template("ucase", "uc text")
def upper_case(call: TemplateCall) -> str:
    """``{{ucase|abc}}`` -> ``ABC``."""
    return call.get("1").upper()


@template("ucfirst", "sentence case")
def upper_first(call: TemplateCall) -> str:
    """``{{ucfirst|abc}}`` -> ``Abc``."""
    text = call.get("1")
    return text[:1].upper() + text[1:]


@template("lcfirst")
def lower_first(call: TemplateCall) -> str:
    """``{{lcfirst|Abc}}`` -> ``abc``."""
    text = call.get("1")
    return text[:1].lower() + text[1:]


@template("unichar", "u+", "unicode char", "unichar/main")
def unicode_character(call: TemplateCall) -> str | None:
    """``{{unichar|0041|Latin capital letter A}}`` -> ``U+0041 A LATIN CAPITAL LETTER A``."""
    code = call.get("1").upper().removeprefix("U+")
    if not code or len(code) > 6 or any(digit not in "0123456789ABCDEF" for digit in code):
        return None
    point = int(code, 16)
    visible = 0x20 < point < 0x110000 and not 0xD800 <= point < 0xE000
    character = f"&#{point};" if visible else ""
    pieces = [f"U+{code.rjust(4, '0')}", character, call.get("2").upper()]
    return " ".join(piece for piece in pieces if piece)


@template("char", "character", "kanji char", "key cap", "keycap")
def character(call: TemplateCall) -> str:
    """``{{char|a}}`` -> ``a``."""
    return call.get("1")


@template("redacted", "bleep")
def redacted(_call: TemplateCall) -> str:
    """``{{redacted}}`` -> ``[redacted]``."""
    return "[redacted]"


@template("repeat", "loop", "rep")
def repeated(call: TemplateCall) -> str | None:
    """``{{repeat|ab|3}}`` -> ``ababab``; at most 20 times."""
    times = parse_number(call.get("2", default="1"))
    if times is None or not 0 <= times <= 20:
        return None
    return call.get("1") * int(times)


@template_family("nb0", "nbsp0", "spaces0")
def many_spaces(_call: TemplateCall) -> str:
    """``{{nb05}}`` -> a space."""
    return " "
