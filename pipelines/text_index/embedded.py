"""Searches the embedded index of a snapshot. It writes nothing into the snapshot's folder."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from types import TracebackType

import pyarrow.feather as feather

from kc_schema.errors import UserError
from kc_schema.hit import Hit
from kc_schema.snapshot import MANIFEST, Snapshot, folder_behind, open_snapshot
from kc_schema.store import Rows, checksum, local_copy
from kc_schema.wikidata_ids import WikidataIds
from pipelines.text_index.analysis import analyser, foldable
from pipelines.text_index.block_max.files import open_arrays
from pipelines.text_index.block_max.searcher import Searcher
from pipelines.text_index.embedded_files import (
    LOOKED_UP,
    PAGES_FILE,
    ROW_GROUPS_FILE,
    index_folder,
    index_step,
)
from pipelines.text_index.page_rows import PageRows
from pipelines.text_index.protocol import TextIndexError, check_queries
from pipelines.text_index.ranking import ScoredSentence, inverse_document_frequency

__all__ = ["EmbeddedIndex"]

_QUERIES_AT_ONCE = 64
_HITS_AT_ONCE = 1 << 20


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
        self._wikidata_ids = WikidataIds(snapshot)
        folder = index_folder(self._kc)
        steps = [index_step(snapshot, folder, with_apparatus=kept) for kept in (False, True)]
        self._with_apparatus = steps[0].result() is None
        step = steps[self._with_apparatus]
        self._remedy = f"build it with: python -m pipelines.index_text --kc {kc}"
        description = step.result()
        if description is None:
            what = (
                "an index of another state of the snapshot or of another version, or a damaged one"
                if folder.exists()
                else "no text index"
            )
            raise TextIndexError(f"{folder}: {what}; {self._remedy}")
        try:
            here = local_copy(folder)
            self.searcher = Searcher(open_arrays(here, description.sizes), description.sizes)
            self._rows = {table: _open_rows(snapshot, here, table) for table in LOOKED_UP}
        except (OSError, ValueError) as error:
            self._check_unchanged()
            raise TextIndexError(
                f"{folder}: cannot be opened ({error}); where it is damaged, move it away and {self._remedy}"
            ) from error
        if step.result() is None:
            raise self._changed()
        self._check_unchanged()
        self._analyser = analyser()
        self._max_document_frequency = max_document_frequency
        self._sentences = description.sentences
        self._n_threads = threads or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self._n_threads, thread_name_prefix="text-index")

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
        words = self._words(query)
        holding = self.searcher.holding(words)
        return {
            word: n * inverse_document_frequency(self._sentences, holding.get(word, 0))
            for word, n in words.items()
        }

    def _search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        found = self._best(queries, k)
        items = iter(self._wikidata_ids.of_paragraphs([hit.paragraph_id for hits in found for hit in hits]))
        sentences = self._rows["sentences"].fetch(hit.sentence_id for hits in found for hit in hits)
        paragraphs = self._rows["paragraphs"].fetch(hit.paragraph_id for hits in found for hit in hits)
        return [
            [
                Hit(
                    rank=rank,
                    score=hit.score,
                    key=sentences[hit.sentence_id]["text"],
                    record_id=hit.paragraph_id,
                    wikidata_id=next(items),
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

    def _best(self, queries: Sequence[str], k: int) -> list[list[ScoredSentence]]:
        """Return the best sentence of each of the best `k` paragraphs of every query."""
        words = [self._words(query) for query in queries]
        size = max(1, min(_QUERIES_AT_ONCE, -(-len(words) // self._n_threads), _HITS_AT_ONCE // k))
        parts = [words[start : start + size] for start in range(0, len(words), size)]
        # A thread of its own would only cost time where there is one part.
        apply = map if len(parts) == 1 else self._threads.map
        try:
            return list(chain.from_iterable(apply(lambda part: self.searcher.search(part, k), parts)))
        except ValueError as error:
            raise TextIndexError(
                f"{index_folder(self._kc)}: {error}; move it away and {self._remedy}"
            ) from error

    def _words(self, text: str) -> Counter[str]:
        """Return the words of a query with how often each stands there, without those that are too frequent."""
        frequencies = Counter(self._analyser.analyze(foldable(text)))
        if self._max_document_frequency is None:
            return frequencies
        most = math.floor(self._max_document_frequency * self._sentences)
        holding = self.searcher.holding(frequencies)
        rare = Counter({word: n for word, n in frequencies.items() if holding.get(word, 0) <= most})
        return rare or frequencies


def _open_rows(snapshot: Snapshot, folder: Path, table: str) -> PageRows | Rows:
    files, columns, key = snapshot.files(table), LOOKED_UP[table], f"{table[:-1]}_id"
    pages = folder / PAGES_FILE.format(table)
    if pages.exists():
        return PageRows(files, columns, key=key, pages=feather.read_table(pages))
    groups = feather.read_table(folder / ROW_GROUPS_FILE.format(table))
    return Rows(files, columns, key=key, groups=groups)
