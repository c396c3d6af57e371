"""Indexes over a few sentences, made and opened for tests; tantivy beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import tantivy

from pipelines.text_index.analysis import ANALYSER, analyser, foldable
from pipelines.text_index.block_max.files import Arrays, Sizes, open_arrays
from pipelines.text_index.block_max.inversion import Inversion, invert_sentences, map_here
from pipelines.text_index.block_max.searcher import Searcher
from pipelines.text_index.block_max.tokens import plan_units
from pipelines.text_index.ranking import ScoredSentence, best_paragraphs, rows_to_ask

Sentences = Sequence[tuple[int, str]]


def index(
    sentences: Sentences,
    *,
    unit_size: int = 1 << 18,
    dense_share: float = 0.03,
    common_share: float = 0.004,
) -> Searcher:
    """An index of sentences (id, text) in units of so many; its files are gone, their pages stay mapped."""
    with TemporaryDirectory() as folder:
        shares = {"dense_share": dense_share, "common_share": common_share}
        return Searcher(*write_index(Path(folder), sentences, unit_size=unit_size, **shares))


def write_index(
    folder: Path,
    sentences: Sentences,
    *,
    unit_size: int = 1 << 18,
    dense_share: float = 0.03,
    common_share: float = 0.004,
) -> tuple[Arrays, Sizes]:
    """Writes the index of sentences into a folder, each row group of their table a unit."""
    ids, texts = zip(*sentences, strict=True)
    table = pa.table({"sentence_id": ids, "text": texts})
    pq.write_table(table, folder / "sentences.parquet", row_group_size=unit_size)
    units = plan_units([folder / "sentences.parquet"], rows=1)
    sizes = invert_sentences(
        Inversion(folder / "steps", "", dense_share, common_share), units, folder, map_here
    )
    return open_arrays(folder, sizes), sizes


_ANALYSER = analyser()


def words(text: str) -> Counter[str]:
    return Counter(_ANALYSER.analyze(foldable(text)))


class Tantivy:
    """The same search by tantivy: an independent computation of BM25 over the same words."""

    def __init__(self, sentences: Sentences) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", stored=False, tokenizer_name=ANALYSER, index_option="freq")
        builder.add_unsigned_field("sentence_id", stored=False, indexed=False, fast=True)
        self._index = tantivy.Index(builder.build())
        self._index.register_tokenizer(ANALYSER, analyser())
        writer = self._index.writer(heap_size=50_000_000, num_threads=1)
        for sentence_id, text in sentences:
            document = tantivy.Document()
            document.add_unsigned("sentence_id", sentence_id)
            document.add_text("text", foldable(text))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, query: Counter[str], k: int) -> list[ScoredSentence]:
        terms = []
        for term, frequency in query.items():
            one = tantivy.Query.term_query(self._index.schema, "text", term, index_option="freq")
            terms.append((tantivy.Occur.Should, tantivy.Query.boost_query(one, float(frequency))))
        if not terms:
            return []
        limit = rows_to_ask(k)
        while True:
            limit = min(limit, self._searcher.num_docs)
            hits = self._searcher.search(tantivy.Query.boolean_query(terms), limit, count=False).hits
            ids = self._searcher.fast_field_values("sentence_id", [address for _, address in hits])
            found = [ScoredSentence(score, int(row)) for (score, _), row in zip(hits, ids, strict=True)]
            best = best_paragraphs(found, k, exhausted=len(hits) < limit or limit == self._searcher.num_docs)
            if best is not None:
                return best
            limit *= 4
