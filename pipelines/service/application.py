"""The service: its routes, what they take and what they answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from kc_schema.errors import UserError
from kc_schema.hit import FoundImage, FoundParagraph, Hit
from pipelines.image_index.errors import BrokenImageError, ImageIndexError
from pipelines.page_index import PageContent
from pipelines.service.batching import Batcher, OverloadedError
from pipelines.service.corpus import Corpus, ImageQuestion, NotServedError, ServedCorpus
from pipelines.service.limits import Gatekeeper, RequestError, RequestLimits
from pipelines.service.metrics import Metrics
from pipelines.service.pictures import PictureFetcher, decode_upload, thumbnail
from pipelines.text_index import QueryError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pipelines.image_index.search import ImageIndex

__all__ = ["Service", "guarded", "image_content"]

Find = Literal["text", "images", "both"]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that does not set its own."""


class SearchRequest(BaseModel):
    """What ``POST /search`` takes."""

    model_config = ConfigDict(extra="forbid")

    queries: list[str] = Field(
        description="Sentences to look for.", examples=[["Alan Turing worked at Bletchley"]]
    )
    k: int = Field(10, description="Hits of each sentence.")
    find: Find = Field(
        "text", description="Paragraphs (results), images for the sentences (images), or both."
    )


class SearchAnswer(BaseModel):
    """What ``/search`` answers: for each sentence, in their order, what was found, best first."""

    results: list[list[FoundParagraph]] = Field(
        [], description="Paragraphs; absent where only images are asked."
    )
    images: list[list[FoundImage]] = Field([], description="Images; absent where they are not asked.")


class ImageSearchRequest(BaseModel):
    """What ``POST /search/image`` takes as JSON: vectors, or an address where the service may fetch it."""

    model_config = ConfigDict(extra="forbid")

    vectors: list[list[float]] | None = Field(None, description="Of the encoder's space, of any length.")
    url: str | None = Field(None, max_length=2_000)
    k: int = 10


class ImageSearchAnswer(BaseModel):
    """What ``/search/image`` answers: for each image or vector what was found, best first."""

    results: list[list[FoundImage]]


class Health(BaseModel):
    """What ``/healthz`` answers."""

    status: Literal["ok"]
    snapshot: str = Field(description="Fingerprint of the corpus that answers.")
    dump: str = Field(description="The dump that it was built of; empty where it is not known.")
    opened: float = Field(description="When it was opened, in seconds since 1970.")
    images: bool = Field(description="Whether images are found.")
    encoder: str = Field(description="What encodes sentences and images; empty where nothing does.")
    trouble: str = Field(description="Why a newer corpus is not served; empty where the newest one is.")


class Failure(BaseModel):
    """What every refusal answers."""

    error: str = Field(description="One line: what was refused, and what to do.")


_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": what}
    for status, what in {
        400: "a body that cannot be read",
        401: "no API key",
        413: "too many bytes",
        422: "not what is taken here",
        429: "too many requests at once from one address",
        503: "too much to do; Retry-After says when to ask again",
    }.items()
}
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "k": {"type": "integer", "default": 10},
                    },
                    "required": ["image"],
                }
            },
            "application/json": {"schema": ImageSearchRequest.model_json_schema()},
        },
    }
}


@dataclass(frozen=True)
class _Batchers:
    """Who answers: one thread for each index."""

    text: Batcher[str, list[Hit]]
    images: Batcher[ImageQuestion, list[Hit]]


class Service:
    """The corpus asked over HTTP."""

    def __init__(
        self,
        corpus: ServedCorpus,
        limits: RequestLimits,
        metrics: Metrics,
        fetcher: PictureFetcher,
        became_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the routes.

        Args:
            corpus: what is asked.
            limits: what a request may take.
            metrics: figures that are kept.
            fetcher: has images at addresses.
            became_ready: is called when questions are answered.
        """
        self.corpus = corpus
        self.limits = limits
        self.metrics = metrics
        self._fetcher = fetcher
        self._batchers: _Batchers | None = None
        self._became_ready = became_ready
        self.is_ready = False
        """Whether the first question has been answered, which compiles what answers all others."""
        self.app = FastAPI(
            title="Entity knowledge corpus",
            description="Paragraphs for sentences, images for sentences and images, articles.",
            version=_version(),
            docs_url=None,  # its page would load scripts from elsewhere
            redoc_url=None,
            lifespan=self._lifespan,
            responses=_FAILURES,
        )
        _answer_failures(self.app)
        _add_routes(self)

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Keep the batchers at work, and an eye on the corpus."""
        with (
            ThreadPoolExecutor(1, thread_name_prefix="text") as text_thread,
            ThreadPoolExecutor(1, thread_name_prefix="images") as image_thread,
        ):
            together, waiting = self.limits.together, self.limits.waiting
            self._batchers = _Batchers(
                Batcher(
                    self._search_text,
                    text_thread,
                    most_together=together,
                    most_waiting=waiting,
                    observe=self.metrics.batches.labels("text").observe,
                ),
                Batcher(
                    self._search_images,
                    image_thread,
                    most_together=together,
                    most_waiting=waiting,
                    observe=self.metrics.batches.labels("images").observe,
                ),
            )
            for name, batcher in (("text", self._batchers.text), ("images", self._batchers.images)):
                self.metrics.waiting.labels(name).set_function(_waiting(batcher))
            tasks = [
                asyncio.create_task(work)
                for work in (
                    self._batchers.text.run(),
                    self._batchers.images.run(),
                    self._warm_up(),
                    self._follow(),
                )
            ]
            try:
                yield
            except asyncio.CancelledError:
                pass  # asked to end a second time, before all had an answer
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with suppress(asyncio.CancelledError):
                        await task

    async def _warm_up(self) -> None:
        """Ask the first question; what it compiles takes seconds once on a machine, which no request is to wait for."""
        loop, answered = asyncio.get_running_loop(), asyncio.Event()

        def ask() -> None:
            self.corpus.current.warm_up()
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(answered.set)

        # Nobody who ends the service waits for the compiler.
        threading.Thread(target=ask, name="first question", daemon=True).start()
        await answered.wait()
        self.is_ready = True
        self._became_ready()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.corpus.seconds_between_looks)
            await asyncio.to_thread(self.corpus.follow)

    def _search_text(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return self.corpus.with_current(lambda corpus: corpus.text.search(queries, k))

    def _search_images(self, questions: Sequence[ImageQuestion], k: int) -> list[list[Hit]]:
        return self.corpus.with_current(lambda corpus: corpus.find_images(questions, k))

    async def find_paragraphs(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return the best paragraphs of every sentence.

        Raises:
            RequestError: more than the limits allow.
            kc_schema.errors.UserError: the index fails, or too many wait.
        """
        assert self._batchers is not None
        self.check_queries(queries, k)
        return await self._batchers.text.ask(queries, k)

    async def find_images(self, questions: Sequence[ImageQuestion], k: int) -> list[list[Hit]]:
        """Return the nearest images of every sentence, image or vector.

        Raises:
            RequestError: more than the limits allow.
            kc_schema.errors.UserError: the index fails, or too many wait.
        """
        assert self._batchers is not None
        self.limits.check(len(questions), k)
        return await self._batchers.images.ask(questions, k)

    async def find_page(self, name: str) -> PageContent:
        """Return the page with this title or id.

        Raises:
            NotServedError: there is none.
        """
        self.limits.check_text(name, "title")
        return await asyncio.to_thread(
            lambda: self.corpus.with_current(lambda corpus: corpus.find_page(name))
        )

    def check_queries(self, queries: Sequence[str], k: int) -> None:
        """Refuse sentences that are too many or too long.

        Raises:
            RequestError: 422.
        """
        self.limits.check(len(queries), k)
        for number, query in enumerate(queries):
            self.limits.check_text(query, f"queries[{number}]")

    async def fetch(self, address: str) -> bytes:
        """Return the image at an address, where its host may be asked.

        Raises:
            RequestError: it may not, or gives none.
        """
        return await asyncio.to_thread(self._fetcher.fetch, address)

    def health(self) -> Health:
        """Return what can be said of the corpus that answers."""
        corpus = self.corpus.current
        dump = corpus.snapshot.manifest.dump if corpus.snapshot is not None else {}
        return Health(
            status="ok",
            snapshot=corpus.text.fingerprint,
            dump=str(dump.get("name", "")),
            opened=corpus.opened,
            images=corpus.images is not None,
            encoder=corpus.encoder.name if corpus.encoder is not None else "",
            trouble=self.corpus.trouble,
        )


def guarded(service: Service, *, api_key: str | None = None, hosts: Sequence[str] | None = None) -> ASGIApp:
    """Return the service behind its limits.

    Args:
        service: the service.
        api_key: what every request but ``/healthz`` must carry; None asks for none.
        hosts: the names under which it may be asked, so that no page of a foreign site reaches it through a name
            that leads to this machine; None allows all.
    """
    app: ASGIApp = service.app
    if hosts is not None:
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        app = TrustedHostMiddleware(app, list(hosts), www_redirect=False)
    return Gatekeeper(
        app, service.limits, service.metrics, api_key, HEADERS, is_ready=lambda: service.is_ready
    )


def _add_routes(service: Service) -> None:
    app = service.app

    @app.post("/search", response_model=SearchAnswer, response_model_exclude_unset=True)
    async def search(asked: SearchRequest) -> Response:
        """Find paragraphs, images, or both for one or many sentences."""
        return await _search(service, asked)

    @app.get("/search", response_model=SearchAnswer)
    async def search_one(
        q: Annotated[str, Query(description="A sentence.")],
        k: Annotated[int, Query(description="Hits.")] = 10,
        find: Find = "text",
    ) -> Response:
        """Find paragraphs, images, or both for one sentence."""
        return await _search(service, SearchRequest(queries=[q], k=k, find=find))

    @app.post("/search/image", response_model=ImageSearchAnswer, openapi_extra=_IMAGE_BODY)
    async def search_image(request: Request, k: Annotated[int, Query(description="Hits.")] = 10) -> Response:
        """Find the images nearest to an image (its bytes, a form's file, an address) or to vectors."""
        questions, k = await _image_questions(service, request, k)
        found = await service.find_images(questions, k)
        return _json({"results": [[FoundImage.of(hit) for hit in hits] for hits in found]})

    @app.get("/pages/{title:path}", response_model=PageContent)
    async def show_page(
        title: Annotated[str, Path(description="A title, a redirect's, or a page's id.")],
    ) -> Response:
        """Return an article: introduction, paragraphs, images, redirects, links in and out."""
        return _json(await service.find_page(title))

    @app.get("/images/{image_id}/thumbnail", response_class=Response)
    async def show_thumbnail(image_id: Annotated[int, Path(ge=0, lt=1 << 63)]) -> Response:
        """Return an image of the corpus as a small JPEG."""
        try:
            content = await asyncio.to_thread(_thumbnail, service.corpus.current, image_id)
        except BrokenImageError as error:
            raise RequestError(404, f"image {image_id}: {error}") from error
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    @app.get("/healthz", response_model=Health)
    async def healthz() -> Health:
        """Say that the service answers, and of which corpus."""
        return service.health()

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return figures in Prometheus' text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _search(service: Service, asked: SearchRequest) -> Response:
    service.check_queries(asked.queries, asked.k)
    paragraphs = images = None
    if asked.find != "images":
        found = await service.find_paragraphs(asked.queries, asked.k)
        paragraphs = [[FoundParagraph.of(hit) for hit in hits] for hits in found]
    if asked.find != "text":
        found = await service.find_images(asked.queries, asked.k)
        images = [[FoundImage.of(hit) for hit in hits] for hits in found]
    answer = {"results": paragraphs, "images": images}
    return _json({name: value for name, value in answer.items() if value is not None})


async def _image_questions(service: Service, request: Request, k: int) -> tuple[list[ImageQuestion], int]:
    """Return what a request looks for, and how many hits it wants.

    Raises:
        RequestError: nothing that can be looked for.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = await _read_image_request(request)
        if asked.url is not None:
            return [await _decoded(await service.fetch(asked.url))], asked.k
        vectors = asked.vectors or []
        service.limits.check(len(vectors), asked.k, "vectors")
        return list(_vectors(service.corpus.current, vectors)), asked.k
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=8) as form:
            file = form.get("image")
            if not isinstance(file, UploadFile):
                raise RequestError(422, "image: the form has no such file")
            given = form.get("k", str(k))
            if not (isinstance(given, str) and given.isdecimal() and len(given) < 10):
                raise RequestError(422, "k: not a number")
            return [await _decoded(await file.read())], int(given)
    return [await _decoded(await request.body())], k


async def _read_image_request(request: Request) -> ImageSearchRequest:
    try:
        asked = ImageSearchRequest.model_validate_json(await request.body())
    except ValueError as error:
        raise RequestError(422, f"body: {_first_error(error)}") from error
    if (asked.vectors is None) == (asked.url is None):
        raise RequestError(422, "body: give either vectors or url, or upload an image")
    return asked


async def _decoded(content: bytes) -> Any:
    return await asyncio.to_thread(decode_upload, content)


def _vectors(corpus: Corpus, rows: Sequence[Sequence[float]]) -> Sequence[Any]:
    """Return rows of numbers as vectors.

    Raises:
        RequestError: 422, a row that the index does not take.
    """
    if corpus.images is None:
        raise RequestError(404, corpus.no_images)
    width = corpus.images.dimension
    for number, row in enumerate(rows):
        if len(row) != width:
            raise RequestError(422, f"vectors[{number}]: {len(row)} numbers; the index takes {width}")
        vector = np.asarray(row, np.float32)
        if not np.isfinite(vector).all() or not vector.any():
            raise RequestError(422, f"vectors[{number}]: all zero, or a number that is not finite")
    return [np.asarray(row, np.float32) for row in rows]


def image_content(images: ImageIndex, image_id: int) -> bytes:
    """Return the bytes of an image of the corpus.

    Raises:
        RequestError: 404, there is no such image, or its bytes are not there.
    """
    try:
        return images.content(image_id)
    except ImageIndexError as error:
        # The error names a folder of this machine, which is no matter of who asks from another.
        raise RequestError(
            404, f"image: {image_id} is none of this corpus, or can no longer be read"
        ) from error


def _thumbnail(corpus: Corpus, image_id: int) -> bytes:
    """Return a small JPEG.

    Raises:
        RequestError: 404, the corpus has no images, or not this one.
        BrokenImageError: it cannot be shown.
    """
    if corpus.images is None:
        raise RequestError(404, corpus.no_images)
    return thumbnail(image_content(corpus.images, image_id))


def _answer_failures(app: FastAPI) -> None:
    """Answer every failure with its status and one line; nothing of what was sent comes back in it."""

    def refuse(status: int, line: str, headers: dict[str, str] | None = None) -> Response:
        return Response(
            json.dumps({"error": line}), status, {**(headers or {})}, media_type="application/json"
        )

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return refuse(error.status_code, str(error.detail), dict(error.headers or {}))

    async def invalid(request: Request, error: Exception) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind != "application/json":
            return refuse(422, "body: give JSON, and say so: Content-Type: application/json")
        return refuse(422, _first_error(error))

    async def overloaded(_request: Request, error: Exception) -> Response:
        return refuse(503, str(error), {"Retry-After": "1"})

    async def not_served(_request: Request, error: Exception) -> Response:
        return refuse(404, str(error))

    async def bad_query(_request: Request, error: Exception) -> Response:
        return refuse(422, str(error))

    async def failed(_request: Request, error: Exception) -> Response:
        return refuse(503, str(error), {"Retry-After": "5"})

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Any]]] = [
        (HTTPException, http),
        (RequestValidationError, invalid),
        (OverloadedError, overloaded),
        (NotServedError, not_served),
        (QueryError, bad_query),
        (UserError, failed),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _first_error(error: Any) -> str:
    """Return where in the request the first fault is, and what it is."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"body: {first['msg']} at byte {first['loc'][-1]}"
    places = first.get("loc", ())[isinstance(error, RequestValidationError) :]
    place = ".".join(str(part)[:40] for part in places)
    return f"{place}: {first['msg']}"[:300] if place else str(first["msg"])[:300]


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _waiting(batcher: Batcher[Any, Any]) -> Callable[[], float]:
    return lambda: float(batcher.waiting)


def _version() -> str:
    try:
        return version("entity-knowledge-corpus")
    except PackageNotFoundError:
        return "0"
