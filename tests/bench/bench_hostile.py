"""How the time of extraction and of cutting sentences grows with hostile input: twice the input, at most 2.5 times it.

python -m tests.bench.bench_hostile [--size 100000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from pipelines.text_corpus.sentences import split_sentences
from pipelines.wikitext import extract_article

HOSTILE: dict[str, Callable[[int], str]] = {
    "open templates": lambda n: "{{" * n,
    "open named templates": lambda n: "{{a|" * n,
    "open renderable templates": lambda n: "{{nowrap|" * n,
    "closed templates": lambda n: "}}" * n,
    "nested templates": lambda n: "{{a|" * n + "}}" * n,
    "nested renderable templates": lambda n: "{{nowrap|x" * n + "}}" * n,
    "nested arguments": lambda n: "{{{a|" * n + "}}}" * n,
    "nested functions": lambda n: "{{#if:x|" * n + "}}" * n,
    "many templates": lambda n: "{{nowrap|a}} {{b}} " * n,
    "single braces": lambda n: "{a}" * n,
    "crossed braces": lambda n: "{{a [[b}} c]] " * n,
    "many arguments": lambda n: "{{nowrap" + "|a" * n + "}}",
    "many equals signs": lambda n: "{{nowrap|" + "a=" * n + "}}",
    "template names": lambda n: "".join(f"{{{{x{i}}}}}" for i in range(n)),
    "open links": lambda n: "[[" * n,
    "tags between brackets": lambda n: "[<b>" * n,
    "tags at apostrophes": lambda n: "'<b>" * n,
    "tags behind links": lambda n: "[[a]]b</b>c" * n,
    "inclusion in tags": lambda n: "<b <includeonly>" * n,
    "headings of blocks": lambda n: "\n=<div>= " * n,
    "one heading of blocks": lambda n: "=<div>" + "= " * n + "x",
    "defaults of arguments": lambda n: "{{{a|[[b|c]]|" * n,
    "spaces in a name": lambda n: "{{a" + " \n" * n + "b|c}}",
    "footnotes within tags": lambda n: "<ref <ref " * n,
    "open code": lambda n: "<pre>" * n,
    "open named links": lambda n: "[[a" * n,
    "open piped links": lambda n: "[[a|b" * n,
    "closed links": lambda n: "]]" * n,
    "nested links": lambda n: "[[a|" * n + "]]" * n,
    "open files": lambda n: "[[File:a.jpg|thumb|b" * n,
    "nested files": lambda n: "[[File:a.jpg|thumb|b " * n + "]]" * n,
    "file with links": lambda n: "[[File:a.jpg|thumb|" + "[[a]] [b] " * n + "]]",
    "open file with links": lambda n: "[[File:a.jpg|thumb|" + "[[a]] [b] " * n,
    "links in templates": lambda n: "{{nowrap|" + "[[a [[b]] " * n + "}}",
    "single brackets": lambda n: "[" * n + "a" + "]" * n,
    "short terms": lambda n: ";a:b\n" * n,
    "brackets in a term": lambda n: ";" + "[http://a " * n,
    "links in a term": lambda n: ";" + "[[a:b]] " * n,
    "elements in a term": lambda n: ";" + "<b>a: " * n,
    "nowiki in pre": lambda n: "<pre>" + "<nowiki>" * n + "</pre>",
    "bold and spaces": lambda n: "'''a'''" + " " * n + ":x",
    "bold and quotes": lambda n: "'''" + "''a" * n,
    "sections of notes": lambda n: "== Notes and references ==\na\n" * n,
    "open external links": lambda n: "[http://a " * n,
    "long address": lambda n: "[http://" + "a" * 10 * n,
    "address and spaces": lambda n: "[http://a" + " " * 10 * n,
    "other addresses": lambda n: "[mailto:a " * n,
    "categories": lambda n: "a \n [[Category:b]] \n" * n,
    "spaces before categories": lambda n: " " * 10 * n + "[[Category:b]]" * n,
    "open tables": lambda n: "{|\n" * n,
    "open tables with rows": lambda n: "{|\n| a\n\nb\n" * n,
    "nested tables": lambda n: "{|\n|\n" * n + "|}\n" * n,
    "table ends": lambda n: "|}\n" * n,
    "rows": lambda n: "{|\n" + "|-\n| a || b\n" * n,
    "table braces": lambda n: "{|" * n,
    "open divs": lambda n: "<div>" * n,
    "nested divs": lambda n: "<div>a" * n + "</div>" * n,
    "open HTML tables": lambda n: "<table>" * n,
    "nested HTML tables": lambda n: "<table>" * n + "</table>" * n,
    "open tags": lambda n: "<b" * n,
    "open attributes": lambda n: "<b a" * n,
    "comments in tags": lambda n: "<b <!-- " * n,
    "closed comments in tags": lambda n: "<b <!-- a --> " * n,
    "open headings in tags": lambda n: "<h2>a\n" * n,
    "headings in tags": lambda n: "<h2>a\n</h2>" * n,
    "terms in tags": lambda n: ";" + "<b>a:" * n,
    "colons in a tag": lambda n: ";<b>" + ":" * n,
    "superscripts": lambda n: "1<sup>''n''+" * n,
    "tags in single quotes": lambda n: "<a b='<" * n,
    "steps of time": lambda n: "{{#time:Y|2000 " + "+1 day " * n + "}}",
    "angle brackets": lambda n: "<" * 10 * n,
    "angle brackets in quotes": lambda n: '<a b="<' * n,
    "quoted values": lambda n: "<a " + 'b="c" ' * n + 'd="<',
    "remarks with text": lambda n: "x {{clarify|text=" * n + "}}" * n,
    "emphasised terms": lambda n: "; " + "''a:" * n,
    "headings in arguments": lambda n: "{{nowrap|" + "\n= a =" * n + "}}",
    "apostrophes in arguments": lambda n: "{{nowrap|" + "''a' " * n + "}}",
    "powers": lambda n: "1<sup>2</sup>" * n,
    "hidden elements": lambda n: "<span style='display:none'>a" * n,
    "open footnotes": lambda n: "<ref>" * n,
    "open literals": lambda n: "<nowiki>" * n,
    "open poems": lambda n: "<poem>a\n" * n,
    "nested poems": lambda n: "<poem>a\n" * n + "</poem>" * n,
    "open comments": lambda n: "<!--" * n,
    "comments and spaces": lambda n: "\n" + "  <!---->" * n,
    "spaces and a comment": lambda n: " " * 10 * n + "<!---->" + " " * 10 * n,
    "footnotes": lambda n: "a <ref>b</ref>, " * n,
    "literals": lambda n: "<nowiki>[</nowiki>" * n,
    "alternating apostrophes": lambda n: "'' ''' " * n,
    "apostrophes": lambda n: "'" * 10 * n,
    "odd apostrophes": lambda n: "a'''b ''c '''d\n" * n,
    "bullets": lambda n: "*" * 10 * n,
    "list items": lambda n: "* a\n" * n,
    "deepening lists": lambda n: "\n".join("*" * (i % 500) + "a" for i in range(n // 50)),
    "terms": lambda n: ";" * 10 * n + ":" * n,
    "terms without definition": lambda n: ";" + "a" * 10 * n,
    "equals signs": lambda n: "=" * 10 * n,
    "headings": lambda n: "== a ==\n" * n,
    "open headings": lambda n: "== a\n" * n,
    "indented lines": lambda n: " a\n" * n,
    "blank lines": lambda n: " \n" * n,
    "line breaks": lambda n: "<br>" * n,
    "line breaks and spaces": lambda n: "<br> " * n + "a",
    "underscores": lambda n: "_" * 10 * n,
    "switches": lambda n: "__NOTOC__" * n,
    "open switches": lambda n: "__A" * n,
    "entities": lambda n: "&amp;" * n,
    "ampersands": lambda n: "&" * 10 * n,
    "open entities": lambda n: "&amp" * n,
    "digits": lambda n: "&#" + "1" * 10 * n,
    "emptied brackets": lambda n: "({{x}}" * n + ")" * n,
    "emptied separators": lambda n: "({{x}}, ;" * n,
    "removals": lambda n: "{{x}} " * n,
    "spaces": lambda n: "a" + " " * 100 * n + "b",
    "spaces before commas": lambda n: "a ,  .  ( )" * n,
    "one long line": lambda n: "word " * 20 * n,
    "one long line of markup": lambda n: "''a'' [[b|c]] {{nowrap|d}} &amp; <b>e</b> " * n,
    "redirect": lambda n: "#REDIRECT " + "[[" * n,
    "control characters": lambda n: "\x01a\x02b\x03\x04" * n,
    "gallery": lambda n: "<gallery>\n" + "File:A.jpg|[[b]] ''c''\n" * (n // 10) + "</gallery>",
    "infobox": lambda n: "{{Infobox x" + "|image = A.jpg\n" * (n // 10) + "}}",
}
"""Hostile inputs by name, each of a size in proportion to its argument."""

HOSTILE_TEXTS: dict[str, Callable[[int], str]] = {
    "sentences: opening marks": lambda n: '!" ' * n,
    "sentences: closing marks": lambda n: ('.....""""' + '"') * (n // 5),
    "sentences: initials": lambda n: "A. B. " * n,
    "sentences: questions": lambda n: ' ("? (' * n,
    "sentences: open quotations": lambda n: "«A. La " * n,
    "sentences: full-width marks": lambda n: "』（" * n,
}
"""Hostile plain texts, in several languages."""


def _extract(wikitext: str) -> None:
    extract_article(wikitext, title="Page")


def _cut_sentences(text: str) -> None:
    for language in ("en", "it", "ja"):
        split_sentences(text, (), language)


LIMIT = 2.5
"""How many times as long twice the input may take."""


def measure(make: Callable[[int], str], size: int, read: Callable[[str], object]) -> float:
    """Gives the shortest CPU time of three, in seconds, in which the input of the given size is read."""
    text = make(size)
    times = []
    for _ in range(3):
        start = time.process_time()
        read(text)
        times.append(time.process_time() - start)
        if times[0] > 5:
            break
    return min(times)


def main(arguments: list[str] | None = None) -> int:
    """Prints time and growth by doubling for each input; gives 1 where one grows faster than `LIMIT`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=100_000, help="repetitions in the smaller input")
    parser.add_argument("--only", default="", help="inputs whose name holds this text")
    options = parser.parse_args(arguments)
    failures = 0
    print(f"{'input':28}{'seconds':>9}{'twice':>9}{'growth':>8}")
    for name, make in (HOSTILE | HOSTILE_TEXTS).items():
        if options.only not in name:
            continue
        read = _cut_sentences if name in HOSTILE_TEXTS else _extract
        once = measure(make, options.size, read)
        twice = measure(make, 2 * options.size, read)
        growth = twice / max(once, 1e-3)
        if growth > LIMIT:
            # A single doubling may cross a cache's size; a growth that is real goes on.
            growth = (measure(make, 4 * options.size, read) / max(once, 1e-3)) ** 0.5
        too_fast = growth > LIMIT and twice > 0.05
        failures += too_fast
        print(f"{name:28}{once:9.3f}{twice:9.3f}{growth:8.2f}{'  TOO FAST' if too_fast else ''}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
