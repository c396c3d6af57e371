"""Speed and soundness of the extractor on real dumps, beside other extractors where they are installed.

    python -m tests.bench.bench_extract --dump DUMP [--dump DUMP ...] [--peers] [--pages 60]

Prints megabytes of wikitext (characters) per CPU second of `extract_article`, of bz2 decompression of the same
files, and with ``--peers`` of mwparserfromhell and wikiextractor, each on the same sample of pages, and of
wikipedia2vec's command on the whole first dump (start-up and decompression included); then what must not be
left in any paragraph, by mark, and the share of inline templates rendered.
Gives 1 where a mark is left that the page's wikitext does not spell out as literal text.
"""

from __future__ import annotations

import argparse
import bz2
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pipelines.dump.pages import Page, read_pages
from pipelines.dump.parts import find_parts
from pipelines.dump.site_information import read_site
from pipelines.dump.work_units import plan_work_units
from pipelines.wikitext import Article, Site, extract_article
from tests.bench.bench_build import default_dump

RESIDUE = {
    "apostrophes": r"''",
    "link opens": r"\[\[",
    "link closes": r"\]\]",
    "template opens": r"\{\{",
    "template closes": r"\}\}",
    "table opens": r"\{\|",
    "table closes": r"\|\}",
    "footnote": r"</?ref\b",
    "HTML tag": r"</?(?:b|br|blockquote|center|code|div|font|i|li|nowiki|p|small|span|su[bp]|table|td|tr|ul)\b[^<>]*>",
    "thumb": r"\bthumb\|",
    "pixels": r"\|\s*\d+px\b",
    "entity": r"&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    "switch": r"__[A-Z]{3,}__",
    "bullet": r"(?m)^[*#:;](?=\s|$)",
    "control character": r"[\x00-\x08\x0b-\x1f]",
    "empty brackets": r"(?:^|\s)\(\s*[,;:]?\s*\)",
    "separator in brackets": r"\([,;]\s|[,;]\s*\)",
    "space before comma": r"\s,(?=\s|$)",
    "space before stop": r"\s\.(?=\s|$)",
    "double space": r"  ",
}
"""What must not be left in a paragraph, as regular expressions."""
# Ways in which a page spells out text that looks like markup.
_LITERAL = re.compile(
    r"<nowiki|<pre|<code|<syntaxhighlight|<source|<math|&amp;|&lt;|&#|\{\{math|\{\{angbr|\{\{code", re.I
)
# What stands between a word and a comma behind it without being seen.
_EMPHASIS_OR_TAG = re.compile(r"'{2,}|</?\w+[^<>]*>|\]\]")


def read_articles(dump: Path) -> tuple[Site, list[Page]]:
    """Gives the site and the pages with text of the article namespace."""
    parts = find_parts(str(dump))
    pages = [page for unit in plan_work_units(parts) for page in read_pages(unit)]
    return read_site(parts), [
        page for page in pages if isinstance(page, Page) and page.namespace == 0 and page.text is not None
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Gives the shorter CPU time of two runs."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def peers() -> dict[str, Callable[[str, str], object]]:
    """Gives the other extractors that are installed, as functions of title and wikitext."""
    found: dict[str, Callable[[str, str], object]] = {}
    try:
        import mwparserfromhell

        found["mwparserfromhell"] = lambda _, text: mwparserfromhell.parse(text).strip_code()
    except ImportError:
        pass
    try:
        from wikiextractor.extract import Extractor

        Extractor.keepLinks = True
        found["wikiextractor"] = lambda title, text: Extractor(1, 1, "", title, [text]).clean_text(text)
    except ImportError:
        pass
    return found


def time_wikipedia2vec(dump: Path) -> None:
    """Prints the rate of wikipedia2vec's own command over a dump, where it is installed."""
    command = Path(sys.executable).with_name("wikipedia2vec")
    if not command.exists():
        return
    _, pages = read_articles(dump)
    megabytes = sum(len(page.text or "") for page in pages) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        closed = Path(folder) / dump.name
        data = dump.read_bytes()
        if not bz2.decompress(data).rstrip().endswith(b"</mediawiki>"):
            data += bz2.compress(b"</mediawiki>\n")  # its parser wants the end of the document
        closed.write_bytes(data)
        build = [str(command), "build-dump-db", str(closed), f"{folder}/dump.db", "--pool-size", "1"]
        before = os.times()
        status = subprocess.run(build, capture_output=True, check=False).returncode
        after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    print(
        f"  {'wikipedia2vec':18}{megabytes / seconds:8.2f} MB/s" if not status else "  wikipedia2vec: failed"
    )


def _is_spelled_out(name: str, page: Page, text: str, match: re.Match[str]) -> bool:
    """Whether the page itself asks for text that looks like a mark, or has the separator where it stands."""
    wikitext = page.text or ""
    if name == "separator in brackets":
        return text[max(0, match.start() - 3) : match.end()] in _EMPHASIS_OR_TAG.sub("", wikitext)
    return _LITERAL.search(wikitext) is not None


def report_residue(articles: list[tuple[Page, Article]], examples: int) -> int:
    """Prints the marks left in paragraphs, by name; gives the number on pages that spell out nothing."""
    print(f"\n{'left in paragraphs':24}{'all':>6}{'unexplained':>13}")
    unexplained_total = 0
    for name, pattern in RESIDUE.items():
        mark = re.compile(pattern)
        found = [
            (page, paragraph.text, match)
            for page, article in articles
            for paragraph in article.paragraphs
            for match in mark.finditer(paragraph.text)
        ]
        unexplained = [case for case in found if not _is_spelled_out(name, *case)]
        unexplained_total += len(unexplained)
        print(f"{name:24}{len(found):6}{len(unexplained):13}")
        for page, text, match in found[:examples]:
            print(f"    {page.title}: {text[max(0, match.start() - 50) : match.end() + 30]!r}")
    return unexplained_total


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dump", type=Path, action="append", help="a dump; may be repeated (default: as in make bench)"
    )
    parser.add_argument("--peers", action="store_true", help="time other extractors too")
    parser.add_argument("--pages", type=int, default=60, help="pages that the other extractors read")
    parser.add_argument("--examples", type=int, default=0, help="examples to print for each mark")
    options = parser.parse_args(arguments)

    articles: list[tuple[Page, Article]] = []
    sample: list[Page] = []
    dumps = options.dump or [default_dump()]
    for dump in dumps:
        site, pages = read_articles(dump)
        sample += pages
        megabytes = sum(len(page.text or "") for page in pages) / 1e6
        taken: list[tuple[Page, Article]] = []

        def extract(pages: list[Page] = pages, site: Site = site, taken: list = taken) -> None:  # type: ignore[type-arg]
            taken[:] = [
                (page, extract_article(page.text or "", title=page.title, site=site)) for page in pages
            ]

        seconds = cpu_seconds(extract)
        articles += taken
        line = f"{dump.name}: {len(pages)} pages, {megabytes:.1f} MB: {megabytes / seconds:.1f} MB/s"
        if dump.suffix == ".bz2":
            data = dump.read_bytes()
            xml = len(bz2.decompress(data)) / 1e6
            decompression = cpu_seconds(lambda data=data: bz2.decompress(data))  # type: ignore[misc]
            line += (
                f"; bz2 {xml / decompression:.1f} MB/s of XML; extraction / bz2 {seconds / decompression:.2f}"
            )
        print(line)
    if options.peers:
        step = max(1, len(sample) // options.pages)
        chosen = sample[::step]
        megabytes = sum(len(page.text or "") for page in chosen) / 1e6
        tools = {"extract_article": lambda title, text: extract_article(text, title=title), **peers()}
        print(f"\non {len(chosen)} pages of {megabytes:.1f} MB:")
        for name, tool in tools.items():
            seconds = cpu_seconds(lambda tool=tool: [tool(page.title, page.text or "") for page in chosen])  # type: ignore[misc]
            print(f"  {name:18}{megabytes / seconds:8.2f} MB/s")
        time_wikipedia2vec(dumps[0])

    rendered = sum(article.rendered_templates for _, article in articles)
    unknown: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    paragraphs = 0
    for _, article in articles:
        unknown += article.unknown_templates
        paragraphs += len(article.paragraphs)
        kinds.update(paragraph.kind for paragraph in article.paragraphs)
    share = rendered / max(1, rendered + sum(unknown.values()))
    print(f"\n{paragraphs} paragraphs {dict(kinds)}")
    print(f"templates rendered: {rendered}, unknown: {sum(unknown.values())} ({share:.2%} rendered)")
    print("most frequent unknown:", ", ".join(f"{name} {count}" for name, count in unknown.most_common(20)))
    return 1 if report_residue(articles, options.examples) else 0


if __name__ == "__main__":
    sys.exit(main())
