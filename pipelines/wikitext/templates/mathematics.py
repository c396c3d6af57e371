"""Mathematics and music inside a line."""

from __future__ import annotations

from functools import cache

from pipelines.wikitext.data import read_pairs
from pipelines.wikitext.templates.formulas import plain_formula
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("math", "mvar", "bigmath", "big math", "tmath", "texhtml", "math bold", "bold math")
def formula(call: TemplateCall) -> str:
    """``{{math|''x'' + 1}}`` -> ``''x'' + 1``; `tmath` holds LaTeX."""
    text = call.get("1")
    return plain_formula(text) if call.name == "tmath" else text


@template(
    "pi",
    "π",
    "euler",
    "golden",
    "phi",
    "infin",
    "infinity",
    "radic",
    "sqrt",
    "surd",
    "root",
    "nth root",
    "nthroot",
    "radical",
    "abs",
    "norm",
    "floor",
    "ceil",
)
@template("langle", "rangle", "intmath", "integral", "prime", "pprime", "dprime")
def sign(call: TemplateCall) -> str:
    """``{{pi}}`` -> ``π``, ``{{radic|2}}`` -> ``√2``, ``{{abs|x}}`` -> ``|x|``, ``{{prime|x}}`` -> ``x′``."""
    text, index = call.get("1"), call.get("2")
    name = call.name
    if name in ("radic", "sqrt", "surd", "root", "nth root", "nthroot", "radical"):
        root = {"2": "", "3": "∛", "4": "∜"}.get(index, f"<sup>{index}</sup>√" if index else "")
        return f"{root or '√'}{f'({text})' if ' ' in text else text}"
    if name in ("abs", "norm"):
        bar = "|" if name == "abs" else "‖"
        return f"{bar}{text}{bar}"
    if name in ("floor", "ceil"):
        return f"⌊{text}⌋" if name == "floor" else f"⌈{text}⌉"
    if name in ("prime", "pprime", "dprime"):
        return f"{text}{'′' if name == 'prime' else '″'}"
    signs = {"π": "π", "pi": "π", "euler": "e", "golden": "φ", "phi": "φ", "infin": "∞", "infinity": "∞"}
    return signs.get(name, {"langle": "⟨", "rangle": "⟩", "intmath": "∫", "integral": "∫"}.get(name, ""))


@template("mset", "set notation", "mathset")
def braces(call: TemplateCall) -> str:
    """``{{mset|1, 2}}`` -> ``{1, 2}``."""
    return f"&#123;{', '.join(argument for argument in call.positional() if argument)}&#125;"


_INTERVALS = {
    "closed-closed": ("&#91;", "&#93;"),
    "open-open": ("(", ")"),
    "closed-open": ("&#91;", ")"),
    "open-closed": ("(", "&#93;"),
}


@template(*_INTERVALS)
def interval(call: TemplateCall) -> str:
    """``{{closed-open|0, 1}}`` -> ``[0, 1)``."""
    left, right = _INTERVALS[call.name]
    return f"{left}{', '.join(argument for argument in call.positional() if argument)}{right}"


@template("pars", "parentheses", "paren")
def parentheses(call: TemplateCall) -> str:
    """``{{pars|x}}`` -> ``(x)``."""
    return f"({call.get('1')})"


@cache
def _accidentals() -> dict[str, str]:
    return read_pairs("accidentals")


@template("music", "flat", "sharp", "natural")
def music(call: TemplateCall) -> str:
    """``E{{music|flat}}`` -> ``E♭``; a time signature ``{{music|time|3|4}}`` -> ``3/4``."""
    first = call.get("1", default=call.name).lower()
    if first in ("time", "timesig", "time signature"):
        return f"{call.get('2')}/{call.get('3')}"
    if first in ("scale", "scaledegree", "scale degree"):
        return call.get("2")
    return _accidentals().get(first, call.get("1"))


@template("pitch")
def pitch(call: TemplateCall) -> str:
    """``{{pitch|C|4}}`` -> ``C4``."""
    return "".join(call.positional()[:2])


@template("tuple")
def row(call: TemplateCall) -> str:
    """``{{tuple|1|2}}`` -> ``(1, 2)``."""
    return f"({', '.join(call.positional())})"


@template("oiint", "oiiint")
def integral(call: TemplateCall) -> str:
    """``{{oiint|intsubscpt=..|integrand=..}}`` -> its integrand behind the sign, as plain text."""
    integrand = plain_formula(call.get("integrand", "3"))
    return f"{'∰' if call.name == 'oiiint' else '∯'} {integrand}".strip()


@template("equation box 1", "numbered block", "numblk", "EquationNote", "EquationRef")
def numbered_formula(call: TemplateCall) -> str:
    """``{{NumBlk|:|''E'' = ''mc''²|1}}`` -> the formula and its number in brackets."""
    if call.name in ("equationRef", "equationNote"):
        return f"({call.get('2', '1')})"
    if call.name in ("numblk", "numbered block"):
        number = call.get("3")
        return f"{call.get('2')}{f' ({number})' if number else ''}"
    return call.get("equation", "1")


@template("math proof", "mathematical proof", "math proof open")
def proof(call: TemplateCall) -> str:
    """``{{math proof|proof=..}}`` -> ``Proof. ..``; ``title=`` says something else in front."""
    text = call.get("proof", "1")
    return f"{call.get('title', 'name', default='Proof')}. {text}" if text else ""


@template("math theorem")
def theorem(call: TemplateCall) -> str:
    """``{{math theorem|statement|name=Euclid}}`` -> ``Theorem (Euclid). statement``."""
    kind = call.get("name", default="Theorem")
    note = call.get("note")
    return f"{kind}{f' ({note})' if note else ''}. {call.get('math_statement', '1')}"
