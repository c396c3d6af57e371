"""How many of the templates in running text are known on the wikis of given dumps, a line a dump.

python -m tests.bench.bench_languages [--dump DUMP ...] [--unknown 20] [--examples]

A call in running text is known where a renderer of the wiki's language gave its words, and lost where nothing is
known of it: its words are missing in the paragraph. Calls that are dropped by their kind (footnotes, remarks, boxes)
and calls that stand alone on their lines are neither.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.wikitext import extract_article
from tests.bench.bench_extract import read_articles


@dataclass
class Counts:
    """What was counted on one wiki."""

    language: str
    pages: int = 0
    paragraphs: int = 0
    known: int = 0
    dropped: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    """Title of a page by the name of the template that was lost there."""


def count(dump: Path) -> Counts:
    """Gives the counts over the articles of `dump`."""
    site, pages = read_articles(dump)
    counts = Counts(site.language, pages=len(pages))
    for page in pages:
        article = extract_article(page.text or "", title=page.title, site=site)
        counts.paragraphs += len(article.paragraphs)
        counts.known += article.rendered_templates
        counts.dropped += sum(article.dropped_templates.values())
        counts.lost += article.unknown_templates
        for name in article.unknown_templates:
            counts.examples.setdefault(name, page.title)
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Prints a table, and below it the most frequent unknown templates of each dump."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(
        os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")
    )
    parser.add_argument(
        "--dump", type=Path, action="append", help="a dump; may be repeated (default: Italian)"
    )
    parser.add_argument("--unknown", type=int, default=20, help="unknown names to list for each dump")
    parser.add_argument("--examples", action="store_true", help="name a page for each of them")
    options = parser.parse_args(arguments)
    print(f"{'wiki':8}{'pages':>8}{'paragraphs':>12}{'known':>8}{'lost':>8}{'lost %':>8}{'dropped':>9}")
    for dump in options.dump or [shared / "dumps" / "itwiki-747-pages.xml.gz"]:
        counts = count(dump)
        lost = sum(counts.lost.values())
        share = lost / max(1, lost + counts.known)
        print(
            f"{counts.language:8}{counts.pages:8}{counts.paragraphs:12}{counts.known:8}{lost:8}{share:8.1%}"
            f"{counts.dropped:9}",
            flush=True,
        )
        for name, number in counts.lost.most_common(options.unknown):
            example = f"  in {counts.examples[name]}" if options.examples else ""
            print(f"    {number:6} {name}{example}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
