"""Searches a corpus that is loaded into Elasticsearch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from pipelines.text_index.connection import Connection, explain
from pipelines.text_index.mappings import alias
from pipelines.text_index.protocol import Hit, QueryError, TextIndexError, check_queries
from pipelines.text_index.ranking import TIE_LIMIT, ScoredSentence, best_paragraphs, rows_to_ask
from pipelines.text_index.retry import PASSING_STATUSES, RetryPolicy

__all__ = ["ElasticsearchIndex"]

_QUERIES_PER_REQUEST = 128
_DOCUMENTS_PER_REQUEST = 256
_REQUESTS_AT_ONCE = 4
_POLICY = RetryPolicy(first_seconds=0.2, most_seconds=5.0, give_up_seconds=30.0)
_ORDER = [{"_score": "desc"}, {"sentence_id": "asc"}]

Result = TypeVar("Result")


@dataclass(slots=True)
class _Question:
    """A query on its way: what was found so far, and what to ask next."""

    number: int
    """Its place among the queries, from 1."""
    text: str
    query: dict[str, Any]
    k: int
    limit: int
    """Sentences to know before the answer is looked for."""
    index: str | None = None
    """The index behind the alias that answered first; all of an answer comes from it."""
    found: list[ScoredSentence] = field(default_factory=list)
    after: list[Any] | None = None
    exhausted: bool = False
    best: list[ScoredSentence] | None = None

    def request(self, name: str) -> list[dict[str, Any]]:
        """Gives the two lines of this question in a request for several."""
        size = min(self.limit - len(self.found), TIE_LIMIT)
        body: dict[str, Any] = {
            "query": self.query,
            "size": size,
            "sort": _ORDER,
            # Counting all that match costs many times what finding the best does.
            "track_total_hits": False,
            "stored_fields": "_none_",
        }
        if self.after is not None:
            body["search_after"] = self.after
        return [{"index": self.index or name, "allow_partial_search_results": False}, body]

    def take(self, hits: list[dict[str, Any]]) -> None:
        """Takes the sentences of an answer, and settles the paragraphs if they suffice."""
        asked = min(self.limit - len(self.found), TIE_LIMIT)
        self.found += [ScoredSentence(hit["sort"][0], hit["sort"][1]) for hit in hits]
        self.exhausted = len(hits) < asked
        if hits:
            self.index, self.after = hits[0]["_index"], hits[-1]["sort"]
        if self.exhausted or len(self.found) >= self.limit:
            self.best = best_paragraphs(self.found, self.k, exhausted=self.exhausted)
            self.limit *= 4


class ElasticsearchIndex:
    """The indices behind a cluster's aliases; see `TextIndex` for what a search means."""

    def __init__(
        self, connection: Connection, *, prefix: str = "kc", max_document_frequency: float | None = None
    ) -> None:
        """Connects to a cluster.

        Args:
            connection: the cluster.
            prefix: of the aliases, ``PREFIX-sentences`` and ``PREFIX-paragraphs``.
            max_document_frequency: leave out terms found in more than this share of the sentences of a shard;
                None keeps all. A query of nothing but such terms keeps them.

        Raises:
            TextIndexError: the cluster cannot be reached, refuses the credentials, or has no such aliases.
        """
        self._connection = connection
        self._prefix = prefix
        self._max_document_frequency = max_document_frequency
        self._client = connection.open(retries=3)
        self._threads = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="text-index")
        try:
            meta = self._find_meta()
        except BaseException:
            self.close()
            raise
        self._base = str(meta.get("base", ""))
        self._fingerprint = str(meta.get("fingerprint", ""))

    @property
    def base(self) -> str:
        """Address of the wiki's main page, as its dump gives it; empty where it is not known."""
        return self._base

    @property
    def fingerprint(self) -> str:
        """`kc_schema.snapshot.Snapshot.fingerprint` of the snapshot that was loaded."""
        return self._fingerprint

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """See `TextIndex.search`."""
        check_queries(queries, k)
        hits: list[list[Hit]] = []
        for start in range(0, len(queries), _QUERIES_PER_REQUEST):
            hits += self._search(queries[start : start + _QUERIES_PER_REQUEST], k, start)
        return hits

    def close(self) -> None:
        """Ends the threads and closes the connections."""
        self._threads.shutdown()
        self._client.close()

    def __enter__(self) -> ElasticsearchIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except Exception as error:
            raise explain(error, self._connection) from error

    def _find_meta(self) -> dict[str, Any]:
        """Gives what was noted of the snapshot when it was loaded."""
        meta: dict[str, Any] = {}
        for table in ("sentences", "paragraphs"):
            name = alias(self._prefix, table)
            found = self._ask(
                lambda name=name: (
                    self._client.indices.get_mapping(  # type: ignore[misc]
                        index=name, ignore_unavailable=True, allow_no_indices=True
                    ).body
                )
            )
            if len(found) != 1:
                raise TextIndexError(
                    f"{self._connection.url}: {'no corpus' if not found else 'several indices'} behind {name}; load"
                    " one with: python -m pipelines.index_text --kc DIR --text-index elasticsearch"
                    f" --elasticsearch-url {self._connection.url} --index-prefix {self._prefix}"
                )
            meta = next(iter(found.values()))["mappings"].get("_meta", {})
        return meta

    def _search(self, queries: Sequence[str], k: int, start: int) -> list[list[Hit]]:
        questions = [
            _Question(start + place, text, query, k, rows_to_ask(k))
            for place, (text, query) in enumerate(zip(queries, self._queries(queries), strict=True), start=1)
        ]
        self._settle(questions)
        # The next part of an index' name tells the snapshot, so that no paragraph comes from another one
        # than its sentence when the aliases move in between.
        wanted = {
            (question.index.replace("-sentences-", f"-{table}-", 1), getattr(hit, f"{table[:-1]}_id"))
            for question in questions
            for hit in question.best or []
            if question.index is not None
            for table in ("sentences", "paragraphs")
        }
        sources = self._sources(sorted(wanted))
        return [[*self._hits(question, sources)] for question in questions]

    def _hits(self, question: _Question, sources: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Hit]:
        for rank, hit in enumerate(question.best or [], start=1):
            assert question.index is not None
            paragraphs = question.index.replace("-sentences-", "-paragraphs-", 1)
            yield Hit(
                rank=rank,
                score=hit.score,
                paragraph_id=hit.paragraph_id,
                sentence=sources[question.index, hit.sentence_id]["text"],
                **sources[paragraphs, hit.paragraph_id],
            )

    def _settle(self, questions: list[_Question]) -> None:
        """Asks, all together, until every question has its paragraphs."""
        pauses = _POLICY.pauses()
        progressed = time.monotonic()
        while waiting := [question for question in questions if question.best is None]:
            name = alias(self._prefix, "sentences")
            lines = [line for question in waiting for line in question.request(name)]
            answers = self._ask(
                lambda lines=lines: self._client.msearch(  # type: ignore[misc]
                    searches=lines, search_type="dfs_query_then_fetch"
                )["responses"]
            )
            refused = [
                reason
                for question, answer in zip(waiting, answers, strict=True)
                if (reason := self._take(question, answer))
            ]
            if len(refused) < len(waiting):
                progressed = time.monotonic()
            elif time.monotonic() - progressed > _POLICY.give_up_seconds:
                raise TextIndexError(f"{self._connection.url}: searches are refused: {refused[0]}")
            if refused:
                time.sleep(next(pauses))

    def _take(self, question: _Question, answer: dict[str, Any]) -> str | None:
        """Gives an answer to its question; where the cluster refused for now, gives the reason."""
        if (error := answer.get("error")) is None:
            question.take(answer["hits"]["hits"])
            return None
        causes = [error, *error.get("root_cause", []), error.get("caused_by", {})]
        reason = "; ".join(
            dict.fromkeys(str(cause["reason"]) for cause in causes if isinstance(cause.get("reason"), str))
        )
        if answer.get("status") in PASSING_STATUSES:
            return reason or "refused for now"
        if "maxClauseCount" in reason and "match" in question.query:
            # Words that stand there more than once counted each time; as terms they count once.
            question.query = _of_terms(self._term_statistics([question.text])[0], max_document_frequency=1.0)
            return None
        raise QueryError(f"{self._connection.url}: query {question.number} cannot be answered: {reason}")

    def _sources(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """Fetches documents by index and id; a node reads those of one request one after the other."""
        chunks = [
            wanted[start : start + _DOCUMENTS_PER_REQUEST]
            for start in range(0, len(wanted), _DOCUMENTS_PER_REQUEST)
        ]
        sources: dict[tuple[str, int], dict[str, Any]] = {}
        for fetched in self._threads.map(self._fetch, chunks):
            sources.update(fetched)
        return sources

    def _fetch(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        documents = [{"_index": index, "_id": str(row)} for index, row in keys]
        answers = self._ask(lambda: self._client.mget(docs=documents, realtime=False)["docs"])
        for key, answer in zip(keys, answers, strict=True):
            if not answer.get("found"):
                raise TextIndexError(
                    f"{self._connection.url}: {key[0]} has no document {key[1]}: {_why(answer)}; load it again"
                )
        return {key: answer["_source"] for key, answer in zip(keys, answers, strict=True)}

    def _queries(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """An OR of a text's terms; Lucene sums what a term that stands there twice adds."""
        if self._max_document_frequency is None:
            return [{"match": {"text": {"query": text}}} for text in texts]
        return [_of_terms(answer, self._max_document_frequency) for answer in self._term_statistics(texts)]

    def _term_statistics(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The terms of each text, as the cluster's analyser makes them, with how often a shard has them."""
        statistics = {
            "fields": ["text"],
            "term_statistics": True,
            "field_statistics": True,
            "positions": False,
            "offsets": False,
            "payloads": False,
        }
        name = alias(self._prefix, "sentences")
        documents = [{"_index": name, "doc": {"text": text}, **statistics} for text in texts]
        answers: list[dict[str, Any]] = self._ask(lambda: self._client.mtermvectors(docs=documents)["docs"])
        return answers


def _of_terms(answer: dict[str, Any], max_document_frequency: float) -> dict[str, Any]:
    """Gives the query of the terms that are not too frequent; of all where none would be left."""
    vector = answer.get("term_vectors", {}).get("text")
    if not vector:
        return {"match_none": {}}
    most = max_document_frequency * vector["field_statistics"]["doc_count"]
    terms = vector["terms"]
    rare = {term: about for term, about in terms.items() if about.get("doc_freq", 0) <= most}
    return {
        "bool": {
            "should": [
                {"term": {"text": {"value": term, "boost": about["term_freq"]}}}
                for term, about in (rare or terms).items()
            ]
        }
    }


def _why(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("reason", error)) if isinstance(error, dict) else "not found"
