"""Searches a corpus that is loaded into Elasticsearch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from kc_schema.hit import Hit
from pipelines.text_index.connection import (
    PASSING_STATUSES,
    BackOff,
    Connection,
    RetryPolicy,
    Tell,
    check_cluster,
    explain,
)
from pipelines.text_index.mappings import TABLES, alias
from pipelines.text_index.protocol import QueryError, TextIndexError, check_queries
from pipelines.text_index.ranking import (
    TIE_LIMIT,
    ScoredSentence,
    best_paragraphs,
    inverse_document_frequency,
    rows_to_ask,
)

__all__ = ["ElasticsearchIndex"]

_QUERIES_PER_REQUEST = 128
_DOCUMENTS_PER_REQUEST = 256
_REQUESTS_AT_ONCE = 4
_POLICY = RetryPolicy(first_seconds=0.2, most_seconds=5.0, give_up_seconds=30.0)
_GONE = "index_not_found_exception"
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
    found: list[ScoredSentence] = field(default_factory=list)
    after: list[Any] | None = None
    exhausted: bool = False
    best: list[ScoredSentence] | None = None

    def request(self, index: str) -> list[dict[str, Any]]:
        """Return the two lines of this question in a request for several."""
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
        return [{"index": index, "allow_partial_search_results": False}, body]

    def take(self, hits: list[dict[str, Any]]) -> None:
        """Take the sentences of an answer, and settle the paragraphs if they suffice."""
        asked = min(self.limit - len(self.found), TIE_LIMIT)
        self.found += [ScoredSentence(hit["sort"][0], hit["sort"][1]) for hit in hits]
        self.exhausted = len(hits) < asked
        if hits:
            self.after = hits[-1]["sort"]
        if self.exhausted or len(self.found) >= self.limit:
            self.best = best_paragraphs(self.found, self.k, exhausted=self.exhausted)
            self.limit *= 4


class ElasticsearchIndex:
    """The indices that stood behind a cluster's aliases when it was opened; see `TextIndex` for a search."""

    def __init__(
        self,
        connection: Connection,
        *,
        prefix: str = "kc",
        max_document_frequency: float | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Connect to a cluster.

        Args:
            connection: the cluster.
            prefix: of the aliases, ``PREFIX-sentences`` and ``PREFIX-paragraphs``.
            max_document_frequency: leave out terms found in more than this share of the sentences of a shard;
                None keeps all. A query of nothing but such terms keeps them.
            tell: takes a line where a cluster that is not ready is waited for.

        Raises:
            TextIndexError: the cluster cannot be reached, refuses the credentials, or has no such aliases.
        """
        check_cluster(connection, tell)
        self._connection = connection
        self._max_document_frequency = max_document_frequency
        self._client = connection.open(retries=3)
        self._threads = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="text-index")
        try:
            self._indices, meta = self._find_indices(prefix)
        except BaseException:
            self.close()
            raise
        self._base = str(meta.get("base", ""))
        self._fingerprint = str(meta.get("fingerprint", ""))
        self._with_apparatus = meta.get("with_apparatus") is True

    @property
    def base(self) -> str:
        """Address of the wiki's main page, as its dump gives it; empty where it is not known."""
        return self._base

    @property
    def fingerprint(self) -> str:
        """`kc_schema.snapshot.Snapshot.fingerprint` of the snapshot that was loaded."""
        return self._fingerprint

    @property
    def with_apparatus(self) -> bool:
        """Whether sections of references, notes and links are found, too."""
        return self._with_apparatus

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """See `TextIndex.search`."""
        check_queries(queries, k)
        hits: list[list[Hit]] = []
        for start in range(0, len(queries), _QUERIES_PER_REQUEST):
            hits += self._search(queries[start : start + _QUERIES_PER_REQUEST], k, start)
        return hits

    def term_weights(self, query: str) -> dict[str, float]:
        """See `TextIndex.term_weights`."""
        check_queries([query], 1)
        vector = self._term_statistics([query])[0].get("term_vectors", {}).get("text")
        if not vector:
            return {}
        sentences = vector["field_statistics"]["doc_count"]
        terms = vector["terms"]
        if self._max_document_frequency is not None:
            most = self._max_document_frequency * sentences
            terms = {term: a for term, a in terms.items() if a.get("doc_freq", 0) <= most} or terms
        return {
            term: about["term_freq"] * inverse_document_frequency(sentences, about.get("doc_freq", 0))
            for term, about in terms.items()
        }

    def close(self) -> None:
        """End the threads and close the connections."""
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

    def _find_indices(self, prefix: str) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the name of each table's index, and what was noted of the snapshot when it was loaded."""
        names = {table: alias(prefix, table) for table in reversed(TABLES)}  # what is searched comes first
        # One request: the aliases of both tables move at once.
        found = self._ask(
            lambda: (
                self._client.indices.get_mapping(
                    index=list(names.values()), ignore_unavailable=True, allow_no_indices=True
                ).body
            )
        )
        indices: dict[str, str] = {}
        for table, name in names.items():
            behind = [index for index in found if index.startswith(f"{name}-")]
            if len(behind) != 1:
                raise TextIndexError(
                    f"{self._connection.url}: {'no corpus' if not behind else 'several indices'} behind {name}; load"
                    " one with: python -m pipelines.index_text --kc DIR --text-index elasticsearch"
                    f" --elasticsearch-url {self._connection.url} --index-prefix {prefix}"
                )
            indices[table] = behind[0]
        return indices, found[indices["sentences"]]["mappings"].get("_meta", {})

    def _search(self, queries: Sequence[str], k: int, start: int) -> list[list[Hit]]:
        questions = [
            _Question(start + place, text, query, k, rows_to_ask(k))
            for place, (text, query) in enumerate(zip(queries, self._queries(queries), strict=True), start=1)
        ]
        self._settle(questions)
        wanted = {
            (table, getattr(hit, f"{table[:-1]}_id"))
            for question in questions
            for hit in question.best or []
            for table in TABLES
        }
        sources = self._sources(sorted(wanted))
        return [[*_hits(question, sources)] for question in questions]

    def _settle(self, questions: list[_Question]) -> None:
        """Ask, all together, until every question has its paragraphs."""
        back_off = BackOff(self._connection, _POLICY)
        while waiting := [question for question in questions if question.best is None]:
            lines = [line for question in waiting for line in question.request(self._indices["sentences"])]
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
                back_off.progressed()
            if refused:
                back_off.pause(TextIndexError(f"{self._connection.url}: searches are refused: {refused[0]}"))

    def _take(self, question: _Question, answer: dict[str, Any]) -> str | None:
        """Give an answer to its question; return the reason where the cluster refused for now."""
        if (error := answer.get("error")) is None:
            question.take(answer["hits"]["hits"])
            return None
        causes = [error, *error.get("root_cause", []), error.get("caused_by", {})]
        reason = "; ".join(
            dict.fromkeys(str(cause["reason"]) for cause in causes if isinstance(cause.get("reason"), str))
        )
        if error.get("type") == _GONE:
            raise self._replaced()
        if answer.get("status") in PASSING_STATUSES:
            return reason or "refused for now"
        if "maxClauseCount" in reason and "match" in question.query:
            # Words that stand there more than once counted each time; as terms they count once.
            question.query = _of_terms(self._term_statistics([question.text])[0], max_document_frequency=1.0)
            return None
        raise QueryError(f"{self._connection.url}: query {question.number} cannot be answered: {reason}")

    def _replaced(self) -> TextIndexError:
        return TextIndexError(
            f"{self._connection.url}: {self._indices['sentences']} was replaced by a newer snapshot and deleted since"
            " it was opened; open the index again"
        )

    def _sources(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """Fetch documents by table and id; a node reads those of one request one after the other."""
        chunks = [
            wanted[start : start + _DOCUMENTS_PER_REQUEST]
            for start in range(0, len(wanted), _DOCUMENTS_PER_REQUEST)
        ]
        sources: dict[tuple[str, int], dict[str, Any]] = {}
        for fetched in self._threads.map(self._fetch, chunks):
            sources.update(fetched)
        return sources

    def _fetch(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        documents = [{"_index": self._indices[table], "_id": str(row)} for table, row in keys]
        answers = self._ask(lambda: self._client.mget(docs=documents, realtime=False)["docs"])
        for key, answer in zip(keys, answers, strict=True):
            if not answer.get("found"):
                if _kind(answer) == _GONE:
                    raise self._replaced()
                raise TextIndexError(
                    f"{self._connection.url}: {self._indices[key[0]]} has no document {key[1]}: {_why(answer)};"
                    " load it again"
                )
        return {key: answer["_source"] for key, answer in zip(keys, answers, strict=True)}

    def _queries(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return an OR of each text's terms; Lucene sums what a term that stands there twice adds."""
        if self._max_document_frequency is None:
            return [{"match": {"text": {"query": text}}} for text in texts]
        return [_of_terms(answer, self._max_document_frequency) for answer in self._term_statistics(texts)]

    def _term_statistics(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return the terms of each text, as the cluster's analyser makes them, with how often a shard has them."""
        statistics = {
            "fields": ["text"],
            "term_statistics": True,
            "field_statistics": True,
            "positions": False,
            "offsets": False,
            "payloads": False,
        }
        index = self._indices["sentences"]
        documents = [{"_index": index, "doc": {"text": text}, **statistics} for text in texts]
        answers: list[dict[str, Any]] = self._ask(lambda: self._client.mtermvectors(docs=documents)["docs"])
        if any(_kind(answer) == _GONE for answer in answers):
            raise self._replaced()
        return answers


def _hits(question: _Question, sources: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Hit]:
    for rank, hit in enumerate(question.best or []):
        yield Hit(
            rank=rank,
            score=hit.score,
            key=sources["sentences", hit.sentence_id]["text"],
            record_id=hit.paragraph_id,
            **sources["paragraphs", hit.paragraph_id],
        )


def _of_terms(answer: dict[str, Any], max_document_frequency: float) -> dict[str, Any]:
    """Return the query of the terms that are not too frequent; of all where none would be left."""
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


def _kind(answer: dict[str, Any]) -> str | None:
    error = answer.get("error")
    return str(error.get("type")) if isinstance(error, dict) else None


def _why(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("reason", error)) if isinstance(error, dict) else "not found"
