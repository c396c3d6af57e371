"""MediaWiki's own parser tests against the extractor: text and links of each, and the share that agrees by file.

    python -m tests.bench.bench_parser_tests --tests FILE... [--differences]

The files are in MediaWiki's source (``tests/parser/*.txt``) and in those of its extensions (``tests/parser/*.txt`` of
each). The expected HTML is reduced to what a reader sees of it, and compared with the text and the links of the
article's paragraphs. Tests whose answer is none of that are left out, counted by reason.
"""

from __future__ import annotations

import argparse
import datetime
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from pipelines.wikitext import Site, extract_article
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA
from tests.bench.parser_test_files import ParserTest, expand_own_templates, read_tests
from tests.bench.shown_html import Shown, normalised, shown

# Sections with what a test asks for; the first that is there counts: the parser's answer, else that of Parsoid.
_RESULTS = ("html/php", "html/*", "html", "result", "html/parsoid+integrated", "html/parsoid")

_NO_RENDERING = (
    r"\b(?:pst|msg|comment|preload|disabled|section|replace|show\w+|styletag|lastsavedrevision|cat|ill|wrap)\b(?!:)"
    r"|\b(?:property|extension|djvu)\s*="
)
_TO_WIKITEXT = r"(?:html2wt|wt2wt|selser)"
_FROM_HTML = (
    rf"parsoid\s*=\s*(?:{_TO_WIKITEXT}(?:,(?:{_TO_WIKITEXT}|html2html))*\s*$"
    rf"|\{{\s*\"modes\"\s*:\s*\[(?:\s*\"{_TO_WIKITEXT}\",?)+\s*\])"
)
_SERVER = (
    r"\{\{\s*(?:#ifexist|#special|int:|SERVER|SCRIPTPATH|STYLEPATH|SITENAME|NUMBEROF|REVISION|CURRENTTIME|CURRENTHOUR"
    r"|LOCALTIME|LOCALHOUR|PAGESIZE|PAGESIN|localurl|fullurl|canonicalurl|filepath|pageid|Special:|MediaWiki:|msgnw:"
    r"|raw:|#invoke|safesubst:#invoke|:)"
)
_OWN_PREFIXES = "local|mi|mul|meatball|memoryalpha|wikinvest|stats|gerrit|project|ko|meta|en|wikipedia"
_FOREIGN_PICTURE = r"<img[^>]*src=\"(?:https?:)?//(?:meta\.wikimedia\.org|www\.example)"

_LEFT_OUT = [
    (reason, of, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for reason, of, pattern in (
        ("no rendering is asked for", "options", _NO_RENDERING),
        ("wikitext made from HTML", "options", _FROM_HTML),
        (
            "conversion between variants",
            "options",
            r"\bvariant\s*=|wgUsePigLatin|language\s*=\s*(?:sr|crh|ban)\b",
        ),
        ("conversion between variants", "wikitext", r"<langconvert"),
        (
            "settings of no Wikipedia",
            "options",
            r"wgRawHtml|wgAllowExternalImages|wgInterwikiMagic|wgFragmentMode|wgEnableMagicLinks|subpage|maxtemplate|maxincl",
        ),
        ("settings of no Wikipedia", "result", _FOREIGN_PICTURE),
        (
            "hooks of the tests",
            "wikitext",
            r"</?(?:tag|tåg|static\w*tag|aside\w*|pwraptest|sealtag|spantag|foo|dummyanno|ann2)\b",
        ),
        ("what only a server knows", "wikitext", _SERVER),
        (
            "pages that are not there",
            "result",
            r"Special:Upload|mw-broken-media|title=Template:|>(?:File|[\w:]*Template):[^<]{1,60}</a>|Şablon:",
        ),
        ("prefixes of the tests' wiki", "wikitext", rf"\[\[\s*:?\s*(?:{_OWN_PREFIXES})\s*:"),
        ("errors of extensions", "result", r"class=\"[^\"]*(?:mw-ext-cite-error|\berror\b)"),
        ("characters that no dump holds", "wikitext", r"[\x00-\x08\x0b\x0c\x0e-\x1f]"),
    )
]
"""Reasons for which a test is left out: what is looked at, and for what."""

_LANGUAGE = re.compile(r"language\s*[=:]\s*([\w-]+)")
_TITLE = re.compile(r"title\s*=\s*(?:\[\[([^\]]*)\]\]|(\S+))")
_DATE = datetime.date(1970, 1, 1)
"""The day on which the tests' wiki lives."""
_NAMESPACES = {
    "ar": {"تصنيف": 14},
    "de": {"benutzer": 2, "benutzer diskussion": 3, "datei": 6, "kategorie": 14},
    "es": {"archivo": 6},
    "is": {"miðill": -2},
    "ru": {"файл": 6},
}
"""Names of namespaces by language, as far as the tests need them; a dump brings its own."""


def reason_to_leave_out(test: ParserTest, result: str, articles: dict[str, str]) -> str | None:
    """Return why a test has no answer that could be compared; None where it has one."""
    wikitext = expand_own_templates(test.wikitext, articles)
    places = {"options": test.options, "wikitext": wikitext, "result": result}
    return next((reason for reason, of, pattern in _LEFT_OUT if pattern.search(places[of])), None)


def compare(test: ParserTest, result: str, articles: dict[str, str]) -> tuple[Shown, Shown]:
    """Return what is to be shown, and what the extractor gives."""
    site = _site(test)
    given = _TITLE.search(test.options)
    title = (given[1] or given[2]) if given else "Parser test"

    def is_article(title: str) -> bool:
        prefix, colon, _ = title.partition(":")
        return not colon or site.namespace_number(prefix) is None

    article = extract_article(expand_own_templates(test.wikitext, articles), title=title, site=site)
    links = [
        (normalised(paragraph.text[anchor.start : anchor.end]), anchor.title)
        for paragraph in article.paragraphs
        for anchor in paragraph.anchors
    ]
    text = normalised("\n".join(paragraph.text for paragraph in article.paragraphs))
    return shown(result, is_article=is_article, own=title), Shown(text, links)


def _site(test: ParserTest) -> Site:
    language = _LANGUAGE.search(test.options)
    if language and language[1] != "en":
        names = _NAMESPACES.get(language[1], {})
        return Site(
            database=f"{language[1]}wiki", language=language[1], date=_DATE, namespaces={"": 0, **names}
        )
    return replace(ENGLISH_WIKIPEDIA, date=_DATE)


def measure(path: Path, show_differences: bool) -> tuple[int, int]:
    """Print the line of one file; return how many tests agree, and of how many."""
    found = read_tests(path)
    same = compared = 0
    left_out: Counter[str] = Counter()
    for test in found.tests:
        result = next((test.results[name] for name in _RESULTS if name in test.results), None)
        reason = "no HTML" if result is None else reason_to_leave_out(test, result, found.articles)
        if result is None or reason:
            left_out[reason or ""] += 1
            continue
        expected, given = compare(test, result, found.articles)
        compared += 1
        same += expected == given
        if show_differences and expected != given:
            print(
                f"\n{path.name}:{test.line} {test.name} [{' '.join(test.options.split())}]\n{test.wikitext}"
            )
            print(f"  expected {expected.text!r}\n  given    {given.text!r}")
            if expected.links != given.links:
                print(f"  expected {expected.links}\n  given    {given.links}")
    share = f"{same / compared:6.1%}" if compared else "   -  "
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    print(f"{share} {same:5} of {compared:5}  {path}" + (f"  (left out: {reasons})" if reasons else ""))
    return same, compared


def main(arguments: list[str] | None = None) -> int:
    """Print the share of each file, and of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tests", nargs="+", type=Path, required=True, metavar="FILE", help="files of parser tests"
    )
    parser.add_argument("--differences", action="store_true", help="print each test that does not agree")
    options = parser.parse_args(arguments)
    counts = [measure(path, options.differences) for path in options.tests]
    same, compared = (sum(column) for column in zip(*counts, strict=True))
    print(f"{same / max(1, compared):6.1%} {same:5} of {compared:5}  all files")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
