"""The arithmetic of ``{{#expr:}}``: a small evaluator that knows numbers and operators and nothing else."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

__all__ = ["evaluate", "write_result"]

_LONGEST = 2000
# A number, a word, a comparison of two signs, or any single sign; white space between them is skipped.
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|([A-Za-z]+)|(<=|>=|<>|!=|[-+*/^()<>=−]))")

_Binary = Callable[[float, float], float]


def _round(value: float, digits: float) -> float:
    """Return `value` rounded to so many decimals, halves away from zero, as PHP does: on 15 digits of it."""
    if not math.isfinite(value) or digits > _MOST_DIGITS:
        return value
    if digits < -_MOST_DIGITS:
        return 0.0
    step = Decimal(1).scaleb(-int(digits))
    return float(Decimal(f"{value:.15g}").quantize(step, ROUND_HALF_UP, _CONTEXT))


_MOST_DIGITS = 310
"""Digits of a number before and behind its point at most."""
_CONTEXT = Context(prec=3 * _MOST_DIGITS)


def _power(base: float, exponent: float) -> float:
    """Return a power as PHP has it: infinite where it is too large, or zero by a negative; NAN where none is real."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


def _exponential(value: float) -> float:
    return _power(math.e, value) if value > _LARGEST_EXPONENT else math.exp(value)


_LARGEST_EXPONENT = 709


def _modulo(left: float, right: float) -> float:
    return math.fmod(int(left), int(right))


# Precedence grows with the number; all of them bind to the left.
_BINARY: dict[str, tuple[int, _Binary]] = {
    "or": (1, lambda a, b: float(bool(a) or bool(b))),
    "and": (2, lambda a, b: float(bool(a) and bool(b))),
    "=": (3, lambda a, b: float(a == b)),
    "<>": (3, lambda a, b: float(a != b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (3, lambda a, b: float(a < b)),
    ">": (3, lambda a, b: float(a > b)),
    "<=": (3, lambda a, b: float(a <= b)),
    ">=": (3, lambda a, b: float(a >= b)),
    "round": (4, _round),
    "+": (5, operator.add),
    "-": (5, operator.sub),
    "*": (6, operator.mul),
    "/": (6, operator.truediv),
    "div": (6, operator.truediv),
    "mod": (6, _modulo),
    "fmod": (6, math.fmod),
    "^": (7, _power),
    "e": (9, lambda a, b: a * _power(10, b)),
}
_UNARY: dict[str, Callable[[float], float]] = {
    "-": operator.neg,
    "+": operator.pos,
    "not": lambda a: float(not a),
    "abs": abs,
    "ceil": lambda a: float(math.ceil(a)),
    "floor": lambda a: float(math.floor(a)),
    "trunc": lambda a: float(math.trunc(a)),
    "sqrt": math.sqrt,
    "exp": _exponential,
    "ln": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
}
_UNARY_PRECEDENCE = 8
_CONSTANTS = {"pi": math.pi, "e": math.e}


class _MalformedError(ValueError):
    """The expression has no value."""


def evaluate(expression: str) -> float | None:
    """Return the value of `expression`, or None where it has none (malformed, division by zero). It may be infinite.

    Time grows linearly with the expression, whatever stands in it.
    """
    if len(expression) > _LONGEST:
        return None
    try:
        value = _evaluate(_tokens(expression))
    except (_MalformedError, ArithmeticError, ValueError):
        return None
    return value


def _tokens(expression: str) -> list[str]:
    expression = expression.replace("&minus;", "-").replace("−", "-").strip()
    tokens: list[str] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise _MalformedError(expression)
        tokens.append((match[1] or match[2] or match[3]).lower())
        position = match.end()
    return tokens


def _evaluate(tokens: list[str]) -> float:
    """Run `tokens` over two stacks, operators waiting until one of lower precedence arrives."""
    values: list[float] = []
    waiting: list[tuple[int, str, bool]] = []

    def apply() -> None:
        _, name, unary = waiting.pop()
        if name == "(":
            raise _MalformedError(name)
        if not values or (not unary and len(values) < 2):
            raise _MalformedError(name)
        right = values.pop()
        values.append(_UNARY[name](right) if unary else _BINARY[name][1](values.pop(), right))

    expects_operand = True
    for token in tokens:
        if expects_operand:
            if token[0].isdecimal() or token[0] == ".":
                values.append(float(token))
                expects_operand = False
            elif token in _CONSTANTS:
                values.append(_CONSTANTS[token])
                expects_operand = False
            elif token == "(":
                waiting.append((0, token, False))
            elif token in _UNARY:
                waiting.append((_UNARY_PRECEDENCE, token, True))
            else:
                raise _MalformedError(token)
        elif token == ")":
            while waiting and waiting[-1][1] != "(":
                apply()
            if not waiting:
                raise _MalformedError(token)
            waiting.pop()
        elif token in _BINARY:
            precedence = _BINARY[token][0]
            while waiting and waiting[-1][0] >= precedence:
                apply()
            waiting.append((precedence, token, False))
            expects_operand = True
        else:
            raise _MalformedError(token)
    if expects_operand:
        raise _MalformedError("nothing")
    while waiting:
        apply()
    return values[0]


def write_result(value: float) -> str:
    """Return `value` as PHP writes it: 14 digits, ``1.0E+20`` where it is longer, ``INF``, ``NAN``."""
    digits, exponent, power = f"{value:.14g}".partition("e")
    if not exponent:
        return digits.upper()
    return f"{digits if '.' in digits else digits + '.0'}E{int(power):+}"
