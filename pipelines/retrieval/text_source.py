"""Evidence at the level of the sentence: BM25 over the sentences of the text corpus."""

from __future__ import annotations

from pipelines.retrieval.chunks import Chunk
from pipelines.retrieval.evidence import Evidence
from pipelines.text_index import TextIndex

__all__ = ["find_by_text"]


def find_by_text(index: TextIndex, chunk: Chunk, candidates: int) -> dict[str, list[Evidence]]:
    """Gives the best paragraphs of every example's query, each once; the key is the sentence that matched.

    Raises:
        pipelines.text_index.TextIndexError: the index fails.
    """
    asked = [place for place, query in enumerate(chunk.queries) if query.strip()]
    answers = index.search([chunk.queries[place] for place in asked], candidates)
    return {
        chunk.examples[place].example_id: [
            Evidence(hit.score, hit.key, hit.title, hit.text, hit.record_id) for hit in hits
        ]
        for place, hits in zip(asked, answers, strict=True)
    }
