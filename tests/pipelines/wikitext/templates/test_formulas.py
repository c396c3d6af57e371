"""LaTeX as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.wikitext.templates import plain_formula


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("E = mc^2", "E = mc^2"),
        (r"\frac{a+b}{2}", "(a+b)/2"),
        (r"\frac12", "1/2"),
        (r"{a + b \over 2c} x", "(a + b)/2c x"),
        (r"\sqrt{2\pi}", "√(2π)"),
        (r"\sqrt{2}", "√2"),
        (r"\sqrt{x^2+y^2}", "√(x^2+y^2)"),
        (r"\sqrt[3]{x}", "∛x"),
        (r"\sqrt[4]2", "∜2"),
        (r"\sqrt[n]{a + b}", "ⁿ√(a + b)"),
        (r"\sqrt[p]{x}", "x^(1/p)"),
        (r"\sqrt[", ""),
        (r"\sqrt[3]", ""),
        (r"\lim_{x\to 0} f(x)", "lim_(x→0) f(x)"),
        (r"x_{ij} \in \mathbb{R}^n", "x_ij ∈ R^n"),
        (r"\sum_{i=1}^{n} x_i", "∑_(i=1)^n x_i"),
        (r"\alpha\beta", "αβ"),
        (r"\lim_{x \to \infty} f(x) = 0", "lim_(x→∞) f(x) = 0"),
        (r"\left( \frac{1}{n} \right)", "(1/n)"),
        (r"\binom{n}{k}", "C(n, k)"),
        (r"\operatorname{Var}(X)", "Var(X)"),
        (r"\text{if } x > 0", "if x > 0"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a b; c d)"),
        (r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", "[1; 2]"),
        (r"|x| = \begin{cases} x \\ -x \end{cases}", "|x| = { x; -x"),
        (r"90^\circ", "90°"),
        (r"\overset{def}{=} x", "=^def x"),
        (r"A \stackrel{f}{\to} B \underset{x \to 0}{\lim} \overset{}{y}", "A →^f B lim_(x→0) y"),
        (r"\varepsilon \thicksim N \nleq \cancelto{0}{x} \Reals", "ε ∼ N ≰ x ℝ"),
        ("{{{", ""),
        ("}}}", ""),
        ("a^", "a"),
        ("\\", ""),
        ("", ""),
    ],
)
def test_formula(tex: str, text: str) -> None:
    assert plain_formula(tex) == text


TOKENS = [*"ab1{}^_\\ []&+-", "\\frac", "\\sqrt", "\\alpha", "\\begin", "\\left"]


@given(st.lists(st.sampled_from(TOKENS), max_size=60).map("".join))
def test_one_line_whatever_the_formula(tex: str) -> None:
    assert "\n" not in plain_formula(tex)


def test_depth_costs_no_recursion() -> None:
    assert plain_formula(r"\sqrt{" * 3000) is not None
    assert plain_formula("{" * 15_000) == ""
