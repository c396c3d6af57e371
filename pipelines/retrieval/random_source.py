"""Random evidence of the same number as retrieved evidence: the control of the paper's Table 5."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kc_schema.retrieval_cache import Example
from kc_schema.snapshot import Snapshot
from kc_schema.store import Rows
from pipelines.retrieval.draws import draw_distinct
from pipelines.retrieval.evidence import Evidence
from pipelines.retrieval.numbered_rows import NumberedRows

__all__ = ["draw_images", "draw_text"]


def draw_text(snapshot: Snapshot, examples: Sequence[Example], k: int, key: str) -> dict[str, list[Evidence]]:
    """Gives `k` random entries of the text corpus an example: sentences with their paragraphs, each once.

    `key` (seed and split) and the example's id decide what is drawn.

    Raises:
        pipelines.retrieval.errors.RetrievalError: a table cannot be read.
        kc_schema.errors.UserError: likewise.
    """
    sentences = NumberedRows(snapshot.files("sentences"), ["paragraph_id", "text"])
    drawn = _draw(sentences, lambda row: int(row["paragraph_id"]), examples, k, f"{key}\ntext")
    lookup = Rows(snapshot.files("paragraphs"), ("title", "text"), key="paragraph_id")
    paragraphs = lookup.fetch(row["paragraph_id"] for rows in drawn.values() for row in rows)
    return {
        name: [
            Evidence(
                0.0,
                row["text"],
                paragraphs[row["paragraph_id"]]["title"],
                paragraphs[row["paragraph_id"]]["text"],
                row["paragraph_id"],
            )
            for row in rows
        ]
        for name, rows in drawn.items()
    }


def draw_images(
    files: Sequence[Path],
    fetch: Callable[[str, Iterable[int]], dict[int, list[dict[str, Any]]]],
    examples: Sequence[Example],
    k: int,
    key: str,
    counts: Counter[str],
) -> dict[str, list[Evidence]]:
    """Gives `k` random images of the image corpus an example, each in one of the articles that show it.

    Args:
        files: the parts of the embeddings: the images that a search can find.
        fetch: table (``records``, ``articles``) and image ids -> rows by image.
        key: seed and split.

    Raises:
        pipelines.retrieval.errors.RetrievalError: a table cannot be read.
    """
    images = NumberedRows(files, ["image_id"])
    drawn = _draw(images, lambda row: int(row["image_id"]), examples, k, f"{key}\nimages")
    wanted = sorted({row["image_id"] for rows in drawn.values() for row in rows})
    records, articles = fetch("records", wanted), fetch("articles", wanted)
    found: dict[str, list[Evidence]] = {}
    for name, rows in drawn.items():
        found[name] = []
        for row in rows:
            image = int(row["image_id"])
            shown = articles.get(image, [])
            if not shown:
                counts["image without an article"] += 1
                continue
            article = shown[draw_distinct(f"{key}\narticle\n{name}\n{image}", 1, len(shown))[0]]
            text = article["introduction"].strip("\n")
            found[name].append(Evidence(0.0, records[image][0]["file"], article["title"], text, image))
    return found


def _draw(
    rows: NumberedRows,
    identity: Callable[[dict[str, Any]], int],
    examples: Sequence[Example],
    k: int,
    key: str,
) -> dict[str, list[dict[str, Any]]]:
    """Gives example id -> `k` random rows of different identity, or all there are."""
    drawn: dict[str, list[dict[str, Any]]] = {}
    waiting = [example.example_id for example in examples]
    asked = k
    while waiting:
        numbers = {name: draw_distinct(f"{key}\n{name}", asked, len(rows)) for name in waiting}
        fetched = rows.fetch(number for row_numbers in numbers.values() for number in row_numbers)
        for name, own in numbers.items():
            distinct: dict[int, dict[str, Any]] = {}
            for number in own:
                distinct.setdefault(identity(fetched[number]), fetched[number])
            drawn[name] = list(distinct.values())[:k]
        # The numbers drawn before are the first of those drawn next, so only more are added.
        waiting = [name for name in waiting if len(drawn[name]) < k] if asked < len(rows) else []
        asked = min(asked * 4, len(rows))
    return drawn
