"""How many of the templates in running text are known on the wikis of given dumps, a line a dump.

python -m tests.bench.bench_languages [--dump DUMP ...] [--pages FOLDER] [--unknown 20] [--examples]

Where there is no dump, pages can be copied by hand: ``FOLDER/fr/Paris.txt`` holds the wikitext of a page of the French
Wikipedia, and each such folder of a language gives a line.

A call in running text is known where a renderer of the wiki's language gave its words, and lost where nothing is
known of it: its words are missing in the paragraph. Calls that are dropped by their kind (footnotes, remarks, boxes)
and calls that stand alone on their lines are neither.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.wikitext import ENGLISH_WIKIPEDIA, extract_article
from pipelines.wikitext.site import Site
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


def count(site: Site, pages: Iterable[tuple[str, str]]) -> Counts:
    """Gives the counts over titles and wikitext of articles on `site`."""
    counts = Counts(site.language)
    for title, text in pages:
        article = extract_article(text, title=title, site=site)
        counts.pages += 1
        counts.paragraphs += len(article.paragraphs)
        counts.known += article.rendered_templates
        counts.dropped += sum(article.dropped_templates.values())
        counts.lost += article.unknown_templates
        for name in article.unknown_templates:
            counts.examples.setdefault(name, title)
    return counts


def counts_of(dumps: Iterable[Path], folder: Path | None) -> Iterator[Counts]:
    """Gives the counts of each dump, then those of each language in `folder`."""
    for dump in dumps:
        site, articles = read_articles(dump)
        yield count(site, [(page.title, page.text or "") for page in articles])
    for language in sorted(path for path in folder.iterdir() if path.is_dir()) if folder else ():
        site = dataclasses.replace(ENGLISH_WIKIPEDIA, language=language.name)
        files = sorted(path for path in language.iterdir() if path.is_file())
        yield count(site, [(file.stem, file.read_text(encoding="utf-8")) for file in files])


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
    parser.add_argument(
        "--pages", type=Path, help="a folder with a folder of wikitext files for each language"
    )
    parser.add_argument("--unknown", type=int, default=20, help="unknown names to list for each dump")
    parser.add_argument("--examples", action="store_true", help="name a page for each of them")
    options = parser.parse_args(arguments)
    print(f"{'wiki':8}{'pages':>8}{'paragraphs':>12}{'known':>8}{'lost':>8}{'lost %':>8}{'dropped':>9}")
    default = [] if options.pages else [shared / "dumps" / "itwiki-747-pages.xml.gz"]
    for counts in counts_of(options.dump or default, options.pages):
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
