"""How many of the templates in running text have a renderer, on the dumps of the shared data folder.

python -m tests.bench.bench_templates [--data FOLDER] [--json]

Running text is what is left of a page without tables, footnotes and templates that stand alone on their lines. A
template in it is *rendered* (a renderer gave text), *dropped* (its kind says that it means nothing there:
footnote marks, remarks of editors) or *unknown*. The share that is to reach 95 % is rendered / (rendered + unknown).
"""

from __future__ import annotations

import argparse
import bz2
import html
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipelines.wikitext import extract_article
from pipelines.wikitext.templates import find_renderer, registered_names

_PAGE = re.compile(r"<page>(.*?)</page>", re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>")
_TEXT = re.compile(r"<text[^>]*>(.*?)</text>", re.DOTALL)


def pages(folder: Path) -> Iterator[tuple[str, str]]:
    """Gives title and wikitext of every article revision in the English dumps in `folder`."""
    for path in sorted(folder.glob("enwiki*.bz2")):
        data = bz2.decompress(path.read_bytes())
        for page in _PAGE.finditer(data.decode("utf-8")):
            title = _TITLE.search(page[1])
            if "<ns>0</ns>" not in page[1] or title is None:
                continue
            for text in _TEXT.finditer(page[1]):
                yield html.unescape(title[1]), html.unescape(text[1])


def main() -> None:
    """Prints the shares and the most frequent unknown templates."""
    parser = argparse.ArgumentParser(
        description="Measure the share of templates in running text that are rendered.",
        epilog="example: python -m tests.bench.bench_templates --data ../shared/data/dumps",
    )
    shared = Path(
        os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")
    )
    parser.add_argument(
        "--data", type=Path, default=shared / "dumps", help="folder of dumps (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    arguments = parser.parse_args()
    unknown: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    rendered = characters = count = 0
    started = time.process_time()
    for title, text in pages(arguments.data):
        article = extract_article(text, title=title)
        unknown += article.unknown_templates
        dropped += article.dropped_templates
        rendered += article.rendered_templates
        characters += len(text)
        count += 1
    result = {
        "pages": count,
        "megacharacters": round(characters / 1e6, 2),
        "seconds": round(time.process_time() - started, 2),
        "registered_names": len(registered_names()),
        "registered_renderers": len({find_renderer(name) for name in registered_names()}),
        "rendered": rendered,
        "unknown": sum(unknown.values()),
        "rendered_share": round(rendered / max(1, rendered + sum(unknown.values())), 4),
        "dropped": dict(dropped.most_common()),
        "most_frequent_unknown": dict(unknown.most_common(40)),
    }
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
