"""The benchmark that reads MediaWiki's parser tests: its format, its reduction of HTML, its own templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bench_parser_tests import main
from tests.bench.parser_test_files import expand_own_templates, read_tests
from tests.bench.shown_html import shown

FILE = """# invented
!! article
Template:Twice
!! text
{{{1}}}, {{{1}}}<noinclude>[[Category:T]]</noinclude>
!! endarticle

!! test
Agrees
!! wikitext
a [[b]]s {{twice|''c''}}
!! html/php
<p>a <a href="/index.php?title=B&amp;action=edit&amp;redlink=1" class="new">bs</a> <i>c</i>, <i>c</i>
</p>
!! html/parsoid
<p>anything</p>
!! end

!! test
Does not agree
!! wikitext
a
!! html
<p>b</p>
!! end

!! test
No rendering
!! options
pst
!! wikitext
~~~~
!! html
[[User:A]]
!! end
"""


def test_a_file_of_tests_is_read_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tests.txt"
    path.write_text(FILE, "utf-8")
    found = read_tests(path)
    assert [(test.name, test.line, test.options) for test in found.tests] == [
        ("Agrees", 8, ""),
        ("Does not agree", 19, ""),
        ("No rendering", 27, "pst"),
    ]
    assert list(found.articles) == ["Template:Twice"]
    assert main(["--tests", str(path), "--differences"]) == 0
    printed = capsys.readouterr().out
    assert "50.0%     1 of     2" in printed
    assert "1 no rendering is asked for" in printed
    assert "tests.txt:19 Does not agree" in printed


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("{{t|a|x=b}}", "a b d"),
        ("{{Template:t|1=a [[b|c=d]]}}", "a [[b|c=d]] {{{x}}} d"),
        ("<nowiki>{{t}}</nowiki> {{no such}}", "<nowiki>{{t}}</nowiki> {{no such}}"),
        ("a{{list}}", "a\n* b"),
        ("{{to t|e|x={{t|f|x=g}}}}", "e f g d d"),
    ],
)
def test_templates_of_the_tests_are_replaced(wikitext: str, text: str) -> None:
    articles = {
        "Template:T": "{{{1}}} {{{x}}} {{{y|d}}}",
        "Template:List": "<includeonly>* b</includeonly>",
        "Template:To t": "#REDIRECT [[Template:T]]",
    }
    assert expand_own_templates(wikitext, articles) == text


def test_html_is_reduced_to_what_readers_see() -> None:
    page = (
        '<p>a<sup class="reference">[1]</sup> &lt; 10<sup>2</sup> <q>b</q> <a href="/wiki/C_d#e" title="C d">f</a>'
        '<a class="mw-selflink">g</a> <a href="./H">i</a> <a class="external" href="http://x.org">j</a></p><table><tr>'
        '<td>k</td></tr></table><span style="display:none">l</span><h2>m</h2><ul><li>n</li></ul>'
    )
    assert shown(page, is_article=lambda title: title != "H", own="G") == (
        'a < 102 "b" fg i j n',
        [("f", "C_d")],
    )
