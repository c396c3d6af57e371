"""Searches the embedded index of a snapshot (tantivy)."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import pyarrow.feather as feather
import tantivy

from kc_schema.snapshot import open_snapshot
from pipelines.text_index.analysis import ANALYSER, analyser, foldable
from pipelines.text_index.embedded_build import LOOKED_UP, TERMS, index_folder, read_description
from pipelines.text_index.protocol import Hit, TextIndexError, check_queries
from pipelines.text_index.ranking import ScoredSentence, best_paragraphs, rows_to_ask
from pipelines.text_index.row_lookup import RowLookup

__all__ = ["EmbeddedIndex"]

_PARAGRAPH_COLUMNS = ("title", "section", "text")


class EmbeddedIndex:
    """The index that `build_embedded_index` made; see `TextIndex` for what a search means."""

    def __init__(
        self, kc: Path | str, *, max_document_frequency: float | None = None, threads: int | None = None
    ) -> None:
        """Opens the index of the snapshot in `kc`.

        Args:
            kc: folder of a finished snapshot.
            max_document_frequency: leave out terms found in more than this share of the sentences; None keeps
                all. A query of nothing but such terms keeps them.
            threads: queries searched at the same time; None takes one for each core.

        Raises:
            kc_schema.snapshot.SnapshotError: no finished snapshot there.
            TextIndexError: no index there, or one of another snapshot or version.
        """
        kc = Path(kc)
        snapshot = open_snapshot(kc)
        description = read_description(kc)
        folder = index_folder(kc)
        how = f"build it with: python -m pipelines.index_text --kc {kc}"
        if description is None:
            what = "an index of another version" if folder.exists() else "no text index"
            raise TextIndexError(f"{folder}: {what}; {how}")
        if description["fingerprint"] != snapshot.fingerprint:
            raise TextIndexError(f"{folder}: the index belongs to another state of the snapshot; {how}")
        try:
            self._index = tantivy.Index.open(str(folder / TERMS))
            self._index.register_tokenizer(ANALYSER, analyser())
            self._searcher = self._index.searcher()
            self._rows = {
                table: RowLookup(
                    snapshot.files(table),
                    key,
                    _PARAGRAPH_COLUMNS if table == "paragraphs" else ("text",),
                    feather.read_table(folder / f"{table}.arrow"),
                )
                for table, key in LOOKED_UP.items()
            }
        except (OSError, ValueError) as error:
            raise TextIndexError(f"{folder}: cannot be opened ({error}); delete it and {how}") from error
        self._analyser = analyser()
        self._base = str(snapshot.manifest.dump.get("base", ""))
        self._fingerprint = snapshot.fingerprint
        self._max_document_frequency = max_document_frequency
        self._threads = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="text-index")

    @property
    def base(self) -> str:
        """Address of the wiki's main page, as its dump gives it; empty where it is not known."""
        return self._base

    @property
    def fingerprint(self) -> str:
        """`kc_schema.snapshot.Snapshot.fingerprint` of the snapshot that was indexed."""
        return self._fingerprint

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """See `TextIndex.search`."""
        check_queries(queries, k)
        found = list(self._threads.map(lambda query: self._best(query, k), queries))
        sentences = self._rows["sentences"].fetch(
            (hit.sentence_id for hits in found for hit in hits), self._threads.map
        )
        paragraphs = self._rows["paragraphs"].fetch(
            (hit.paragraph_id for hits in found for hit in hits), self._threads.map
        )
        return [
            [
                Hit(
                    rank=rank,
                    score=hit.score,
                    paragraph_id=hit.paragraph_id,
                    sentence=sentences[hit.sentence_id]["text"],
                    **paragraphs[hit.paragraph_id],
                )
                for rank, hit in enumerate(hits, start=1)
            ]
            for hits in found
        ]

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

    def __enter__(self) -> EmbeddedIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _best(self, text: str, k: int) -> list[ScoredSentence]:
        """The best sentence of each of the best `k` paragraphs: asks for more until they are settled."""
        query = self._query(text)
        if query is None:
            return []
        limit = rows_to_ask(k)
        while True:
            hits = self._searcher.search(query, limit, count=False).hits
            ids = self._searcher.fast_field_values("sentence_id", [address for _, address in hits])
            found = [ScoredSentence(score, int(row or 0)) for (score, _), row in zip(hits, ids, strict=True)]
            best = best_paragraphs(found, k, exhausted=len(hits) < limit)
            if best is not None:
                return best
            limit *= 4

    def _query(self, text: str) -> tantivy.Query | None:
        """An OR of the distinct terms, each boosted by its frequency in the query, as Lucene weights them."""
        frequencies = self._without_frequent(Counter(self._analyser.analyze(foldable(text))))
        if not frequencies:
            return None
        terms = []
        for term, frequency in frequencies.items():
            query = tantivy.Query.term_query(self._index.schema, "text", term, index_option="freq")
            terms.append((tantivy.Occur.Should, tantivy.Query.boost_query(query, float(frequency))))
        return tantivy.Query.boolean_query(terms)

    def _without_frequent(self, frequencies: Counter[str]) -> Counter[str]:
        if self._max_document_frequency is None:
            return frequencies
        most = math.floor(self._max_document_frequency * self._searcher.num_docs)
        rare = Counter(
            {term: n for term, n in frequencies.items() if self._searcher.doc_freq("text", term) <= most}
        )
        return rare or frequencies
