"""Searches the embedded index of a snapshot (tantivy). It writes nothing into the snapshot's folder."""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import pyarrow.feather as feather
import tantivy

from kc_schema.errors import UserError
from kc_schema.hit import Hit
from kc_schema.snapshot import MANIFEST, folder_behind, open_snapshot
from kc_schema.store import Rows, checksum
from pipelines.text_index.analysis import ANALYSER, analyser, foldable
from pipelines.text_index.embedded_build import LOOKED_UP, TERMS, index_folder, index_step
from pipelines.text_index.protocol import TextIndexError, check_queries
from pipelines.text_index.ranking import (
    ScoredSentence,
    best_paragraphs,
    inverse_document_frequency,
    rows_to_ask,
)

__all__ = ["EmbeddedIndex"]

_COLUMNS = {"paragraphs": ("title", "section", "text"), "sentences": ("text",)}


class EmbeddedIndex:
    """The index that `build_embedded_index` made; see `TextIndex` for what a search means."""

    def __init__(
        self, kc: Path | str, *, max_document_frequency: float | None = None, threads: int | None = None
    ) -> None:
        """Open the index of the snapshot in `kc`.

        Args:
            kc: folder of a finished snapshot.
            max_document_frequency: leave out terms found in more than this share of the sentences; None keeps
                all. A query of nothing but such terms keeps them.
            threads: queries searched at the same time; None takes one for each core.

        Raises:
            kc_schema.snapshot.SnapshotError: no finished snapshot there.
            TextIndexError: no index there, or one of another snapshot or version.
        """
        self._kc = folder_behind(kc)
        self._seen: tuple[int, ...] = ()
        snapshot = open_snapshot(self._kc)
        self._fingerprint = snapshot.fingerprint
        self._base = str(snapshot.manifest.dump.get("base", ""))
        folder = index_folder(self._kc)
        steps = [index_step(snapshot, folder, with_apparatus=kept) for kept in (False, True)]
        self._with_apparatus = steps[0].result() is None
        step = steps[self._with_apparatus]
        how = f"build it with: python -m pipelines.index_text --kc {kc}"
        if step.result() is None:
            what = (
                "an index of another state of the snapshot or of another version, or a damaged one"
                if folder.exists()
                else "no text index"
            )
            raise TextIndexError(f"{folder}: {what}; {how}")
        try:
            self._index = _open_terms(folder / TERMS)
            self._index.register_tokenizer(ANALYSER, analyser())
            self._searcher = self._index.searcher()
            self._rows = {
                table: Rows(
                    snapshot.files(table),
                    _COLUMNS[table],
                    key=key,
                    groups=feather.read_table(folder / f"{table}.arrow"),
                )
                for table, key in LOOKED_UP.items()
            }
        except (OSError, ValueError) as error:
            self._check_unchanged()
            raise TextIndexError(
                f"{folder}: cannot be opened ({error}); where it is damaged, move it away and {how}"
            ) from error
        if step.result() is None:
            raise self._changed()
        self._check_unchanged()
        self._analyser = analyser()
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

    @property
    def with_apparatus(self) -> bool:
        """Whether sections of references, notes and links are found, too."""
        return self._with_apparatus

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """See `TextIndex.search`."""
        check_queries(queries, k)
        try:
            hits = self._search(queries, k)
        except UserError as error:
            self._check_unchanged()
            raise TextIndexError(str(error)) from error
        # A rebuild takes the manifest away before it touches a table: what was read before this was the old state.
        self._check_unchanged()
        return hits

    def term_weights(self, query: str) -> dict[str, float]:
        """See `TextIndex.term_weights`."""
        check_queries([query], 1)
        sentences = self._searcher.num_docs
        terms = self._without_frequent(Counter(self._analyser.analyze(foldable(query))))
        return {
            term: n * inverse_document_frequency(sentences, self._searcher.doc_freq("text", term))
            for term, n in terms.items()
        }

    def _search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
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
                    key=sentences[hit.sentence_id]["text"],
                    record_id=hit.paragraph_id,
                    **paragraphs[hit.paragraph_id],
                )
                for rank, hit in enumerate(hits)
            ]
            for hits in found
        ]

    def _check_unchanged(self) -> None:
        """The tables must still be those of the index that was opened.

        Raises:
            TextIndexError: the snapshot was built again, or is being built.
        """
        manifest = self._kc / MANIFEST
        try:
            state = manifest.stat()
            seen = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
            if seen == self._seen:
                return
            unchanged = checksum(manifest) == self._fingerprint
        except OSError:
            unchanged = False
        if not unchanged:
            raise self._changed()
        self._seen = seen

    def _changed(self) -> TextIndexError:
        return TextIndexError(
            f"{self._kc}: the snapshot was built again, or is being built, since its index was opened;"
            " open it again when the build has ended"
        )

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def __enter__(self) -> EmbeddedIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _best(self, text: str, k: int) -> list[ScoredSentence]:
        """Return the best sentence of each of the best `k` paragraphs: asks for more until they are settled."""
        query = self._query(text)
        if query is None:
            return []
        limit = rows_to_ask(k)
        while True:
            limit = min(limit, max(1, self._searcher.num_docs))
            hits = self._searcher.search(query, limit, count=False).hits
            ids = self._searcher.fast_field_values("sentence_id", [address for _, address in hits])
            found = [ScoredSentence(score, int(row or 0)) for (score, _), row in zip(hits, ids, strict=True)]
            best = best_paragraphs(found, k, exhausted=len(hits) < limit or limit == self._searcher.num_docs)
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


def _open_terms(folder: Path) -> tantivy.Index:
    """Open tantivy's index, which wants to write a lock file into its folder even for reading.

    It gets a temporary folder of links, so that a finished corpus may lie where nobody can write; the files stay
    mapped into memory when the links are gone.
    """
    with tempfile.TemporaryDirectory(prefix="text-index-") as links:
        for path in folder.iterdir():
            if path.suffix != ".lock":
                (Path(links) / path.name).symlink_to(path.resolve())
        index = tantivy.Index.open(links)
        index.config_reader("manual")  # nobody may watch for commits: what was opened is searched
        return index
