r"""Formulas as readable plain text: ``\frac{a}{b}`` -> ``a/b``, ``x^2`` -> ``x^2``, ``\alpha`` -> ``α``.

It is no typesetting: what a reader of the line would say is kept, and what only places signs is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from pipelines.wikitext import marks
from pipelines.wikitext.data import read_table

__all__ = ["plain_formula"]

_LONGEST = 20_000
_DEEPEST = 100

# A command, an escaped sign, a brace or script mark, a run of anything else.
_TOKEN = re.compile(r"\\([A-Za-z]+)\*?|\\(.)|([{}^_&~])|([^\\{}^_&~]+)", re.DOTALL)

_SPACES = frozenset(
    ("quad", "qquad", "space", "enspace", "thinspace", "medspace", "thickspace", "hspace", "nbsp")
)
# Accents as the characters that combine with the letter before them.
_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c",
    "breve": "\u0306", "acute": "\u0301", "grave": "\u0300", "mathring": "\u030a", "not": "\u0338",
}  # fmt: skip
_COMBINING = frozenset(_ACCENTS.values())
_FRACTIONS = frozenset(("frac", "tfrac", "dfrac", "cfrac", "sfrac"))
_BINOMIALS = frozenset(("binom", "tbinom", "dbinom", "choose"))
# Commands that set their first argument over or under their second, by the mark of scripts that tells where.
_SETS = {"overset": "^", "stackrel": "^", "underset": "_"}
# Commands whose argument says nothing.
_WITHOUT_ARGUMENT = frozenset(("color", "pagecolor", "label", "tag", "phantom", "hphantom", "vphantom"))
# Environments that are brackets around what they hold.
_ENVIRONMENTS = {
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
    "cases": ("{ ", ""),
}
# What takes an argument, by what is done with it.
_ROLES = frozenset(("drop", "keep", "numerator", "/", "binom", "sqrt", "^", "_", "begin", "end", *_SETS))
# Begins the role of what gets a script, which follows.
_SCRIPTED = "scripted "
# Begins the role of a root that has an index, which follows.
_ROOT = "root "
_HOLDING = (_ROOT, _SCRIPTED)
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_SUPERSCRIPTS = str.maketrans("0123456789nki", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿᵏⁱ")
# Signs that are raised as they are.
_RAISED = {"′": "′", "″": "″", "∘": "°", "°": "°", "*": "*", "†": "†"}


@cache
def _commands() -> tuple[dict[str, str], frozenset[str]]:
    """Return what is shown of commands that stand for a sign or a word, and the commands that show their argument."""
    rows = read_table("latex")
    signs = {command: f"{shown} " if use == "word" else shown for command, shown, use in rows if shown}
    return signs, frozenset(command for command, _, use in rows if use == "transparent")


_ESCAPED = {"\\": "; ", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "|": "‖"}


def plain_formula(tex: str) -> str:
    r"""Return the formula `tex` (LaTeX as in ``<math>``) as one line of plain text.

    ``E = mc^2`` stays, ``\frac{a+b}{2}`` -> ``(a+b)/2``, ``\sqrt{x}`` -> ``√x``, ``x_{ij}`` -> ``x_ij``. Unknown
    commands are left out, their arguments kept; the time taken grows linearly with the formula.
    """
    if len(tex) > _LONGEST:
        return ""
    tex = _NO_BRACKET.sub(" ", tex)
    line = _NEEDLESS_SPACE.sub("", " ".join(_Reader(tex).read().split()))
    # Brackets side by side would read as a link.
    return line.replace("[[", "[ [").replace("]]", "] ]")


# A bracket that is only there to balance another one.
_NO_BRACKET = re.compile(r"\\(?:left|right)\s*\.")
# A space behind an opening bracket, or before a closing one, a comma or a script.
_NEEDLESS_SPACE = re.compile(r"(?<=[(\[]) | (?=[)\],;^_])")


class _Reader:
    """Reads a formula token by token, groups on a stack of its own so that depth costs no recursion."""

    def __init__(self, tex: str) -> None:
        self.tokens = _TOKEN.finditer(tex)
        # Each open group: its pieces, and what is to be done with it (see `_finish`).
        self.groups: list[tuple[list[str], list[str]]] = [([], [])]
        self.left_out = 0
        self.signs, self.transparent = _commands()

    def read(self) -> str:
        for token in self.tokens:
            command, escaped, sign, text = token.groups()
            if command is not None:
                self.command(command)
            elif escaped is not None:
                self.emit(_ESCAPED.get(escaped, escaped))
            elif sign == "{":
                self.open()
            elif sign == "}":
                self.close()
            elif sign in ("^", "_"):
                self.pending.append(sign)
            elif sign is not None:
                self.emit(" ")
            else:
                self.text(text)
        self.left_out = 0
        while len(self.groups) > 1:
            self.close()
        return _over("".join(self.groups[0][0]))

    @property
    def pending(self) -> list[str]:
        """What waits for an argument in the group that is open."""
        return self.groups[-1][1]

    def text(self, text: str) -> str | None:
        """Take plain characters: a waiting command gets the first alone, as in TeX."""
        while text and self.pending:
            stripped = text.lstrip()
            if not stripped:
                return None
            if self.pending[-1] == "sqrt" and stripped[0] == "[":
                end = stripped.find("]")
                if end > 0:
                    self.pending[-1] = _ROOT + stripped[1:end].strip()
                text = stripped[end + 1 :] if end > 0 else stripped[1:]
                continue
            self.emit(stripped[0])
            text = stripped[1:]
        if text:
            self.groups[-1][0].append(text)
        return None

    def command(self, name: str) -> None:
        if name in _FRACTIONS or name in _BINOMIALS:
            self.pending.extend(("/" if name in _FRACTIONS else "binom", "numerator"))
        elif name == "sqrt":
            self.pending.append("sqrt")
        elif name in ("begin", "end"):
            self.pending.append(name)
        elif name in _WITHOUT_ARGUMENT:
            self.pending.append("drop")
        elif name in _SETS:
            self.pending.append(name)
        elif name == "cancelto":
            self.pending.extend(("keep", "drop"))
        elif name == "definecolor":
            self.pending.extend(("drop", "drop", "drop"))
        elif name in _ACCENTS:
            self.pending.append(_ACCENTS[name])
        elif name in ("pmod", "bmod"):
            self.emit(" mod ")
        elif name == "over":
            self.groups[-1][0].append(marks.OVER)
        elif name in _SPACES:
            self.emit(" ")
        elif name in self.transparent:
            return
        else:
            self.emit(self.signs.get(name, ""))

    def open(self) -> None:
        """Begins a group; beyond a depth that no formula has, braces are left out."""
        if len(self.groups) > _DEEPEST:
            self.left_out += 1
        else:
            self.groups.append(([], []))

    def close(self) -> None:
        """End a group, whose text becomes the argument of what waits for one."""
        if self.left_out:
            self.left_out -= 1
            return
        if len(self.groups) == 1:
            return
        pieces, _ = self.groups.pop()
        text = _over("".join(pieces))
        self.emit(text.strip() if self.pending else text)

    def emit(self, argument: str) -> None:
        """Add `argument` to the open group, in the way that the innermost waiting command wants it."""
        pieces, pending = self.groups[-1]
        if not pending or not argument.strip():
            if pending and argument == "" and (pending[-1] in _ROLES or pending[-1].startswith(_HOLDING)):
                role = pending.pop()
                if role in _SETS:
                    pending.append("keep")
                return
            pieces.append(argument)
            return
        role = pending.pop()
        if role == "drop":
            return
        if role in ("begin", "end"):
            pieces.append(_ENVIRONMENTS.get(argument.strip("* "), ("", ""))[role == "end"])
            return
        if role == "numerator":
            pieces.append(
                ("C(" if pending[-1] == "binom" else "")
                + (_group(argument) if pending[-1] == "/" else argument)
            )
            pieces.append("")
            return
        if role == "/":
            pieces.append(f"/{_group(argument)}")
        elif role == "binom":
            pieces.append(f", {argument})")
        elif role == "sqrt" or role.startswith(_ROOT):
            term = argument if argument.isalnum() and _ONE_TERM.match(argument) else f"({argument})"
            pieces.append(_root(term, role.removeprefix(_ROOT) if role != "sqrt" else ""))
        elif role in _SETS:
            pending.append(_SCRIPTED + _SETS[role] + argument.strip())
        elif role.startswith(_SCRIPTED):
            script = role.removeprefix(_SCRIPTED)
            pieces.append(f"{argument}{script[0]}{_group(_limit(script[1:]))}")
        elif role == "^":
            raised = _RAISED.get(argument.strip())
            pieces.append(raised if raised else f"^{_group(_limit(argument))}")
        elif role == "_":
            pieces.append(f"_{_group(_limit(argument))}")
        elif role in _COMBINING and len(argument.strip()) == 1:
            # An accent; over more than one letter it is left out.
            pieces.append(unicodedata.normalize("NFC", argument.strip() + role))
        else:
            pieces.append(argument)


def _root(term: str, index: str) -> str:
    """Write a root: ``√2``, ``∛x``, ``ⁿ√x``, and where the index is no such letter ``x^(1/(a + b))``."""
    if index in _ROOTS:
        return f"{_ROOTS[index]}{term}"
    raised = index.translate(_SUPERSCRIPTS)
    if not any(letter in raised for letter in index):
        return f"{raised}√{term}"
    return f"{term}^(1/{_group(index)})"


def _limit(argument: str) -> str:
    """Write what an arrow under a sign leads to: ``x → 0`` -> ``(x→0)``."""
    return f"({'→'.join(map(str.strip, argument.split('→')))})" if "→" in argument else argument


# A number or a single letter: what a root needs no brackets around.
_ONE_TERM = re.compile(r"(?:\d+|\w)\Z")


def _over(text: str) -> str:
    r"""Write ``a \over b`` as a fraction."""
    if marks.OVER not in text:
        return text
    top, _, bottom = text.partition(marks.OVER)
    return f"{_group(top)}/{_group(bottom.replace(marks.OVER, '/'))}"


# An operator between two terms, which needs brackets around them in a fraction.
_OPERATOR = re.compile(r"[^\s(]\s*[-+−/=<>±,]|\S\s+\S")


def _group(argument: str) -> str:
    """Put brackets around an argument of several terms."""
    argument = argument.strip()
    if argument.startswith("(") and argument.endswith(")") and argument.count("(") == 1:
        return argument
    return f"({argument})" if _OPERATOR.search(argument) else argument
