"""The pages of the explorer: each has an address of its own, and the same content as JSON with ``format=json``."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from kc_schema.anchors import targets
from kc_schema.errors import UserError
from kc_schema.hit import Hit
from kc_schema.templates import open_templates
from pipelines.explorer.examples import ExampleFilter, Examples
from pipelines.explorer.marking import MarkedText, Piece, mark, mark_sentences, word_shares
from pipelines.service.application import Service, image_content
from pipelines.service.batching import OverloadedError
from pipelines.service.corpus import Corpus, NotServedError
from pipelines.service.limits import RequestError
from pipelines.service.pictures import decode_upload, thumbnail

if TYPE_CHECKING:
    from pipelines.page_index import PageContent

__all__ = ["add_pages"]

_HERE = Path(__file__).parent
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_UPLOADS_KEPT = 64
_LISTED = 50
"""Examples of one page of their list."""
_MOST_SHOWN = 100
"""Hits of a page: more is what programs ask for."""


@dataclass(frozen=True, slots=True)
class ParagraphRow:
    """A paragraph that was found, as the page shows it."""

    rank: int
    score: float
    paragraph_id: int
    title: str
    section: str
    sentence: str
    marked: MarkedText


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that was found, as the page shows it."""

    rank: int
    score: float
    image_id: str
    file: str
    title: str
    caption: str
    introduction: list[Piece]


@dataclass(frozen=True, slots=True)
class SearchView:
    """What was looked for, and what was found; None where that kind was not asked."""

    query: str
    picture: str
    k: int
    find: str
    paragraphs: list[ParagraphRow] | None
    images: list[ImageRow] | None


@dataclass(frozen=True, slots=True)
class SectionView:
    """The paragraphs under one heading."""

    heading: str
    paragraphs: list[tuple[int, str, list[Piece]]]
    """Id, kind, text."""


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """A line of the list of examples."""

    example_id: str
    text: str
    gold: str
    right: dict[str, bool | None]
    seeds_right: dict[str, int]
    """Of every variant, with how many seeds it is right."""


class _Uploads:
    """The last images that were dropped here, by checksum: their addresses can be shared while they are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def add(self, content: bytes) -> str:
        """Keep an image; return its name."""
        name = hashlib.sha256(content).hexdigest()[:32]
        self._kept[name] = content
        while len(self._kept) > _UPLOADS_KEPT:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> bytes:
        """Return an image.

        Raises:
            RequestError: 404, it is not kept any more.
        """
        content = self._kept.get(name)
        if content is None:
            raise RequestError(404, "this image is not kept any more; drop it again")
        self._kept.move_to_end(name)
        return content


class _Site:
    def __init__(self, service: Service, examples: Examples | None) -> None:
        self.service = service
        self.examples = examples
        self.uploads = _Uploads()
        self.templates = open_templates(_HERE / "templates")
        self.templates.filters |= {"path": lambda text: quote(str(text), safe=""), "query": _query}

    @property
    def corpus(self) -> Corpus:
        return self.service.corpus.current

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        """Return a page; every template knows what is being looked at."""
        template = self.templates.get_template(f"{name}.html.j2")
        shown = template.render(
            cache=self.examples.cache if self.examples is not None else None,
            has_images=self.corpus.images is not None,
            has_encoder=self.corpus.encoder is not None,
            language=str(self.dump.get("language", "")) or None,
            **values,
        )
        return Response(
            shown, status, {"Content-Security-Policy": _POLICY}, media_type="text/html; charset=utf-8"
        )

    @property
    def dump(self) -> dict[str, Any]:
        """What the manifest says of the dump."""
        return self.corpus.snapshot.manifest.dump if self.corpus.snapshot is not None else {}

    def known(self, texts: Sequence[str]) -> Collection[str]:
        """Return the titles of the anchors of some texts that the corpus has."""
        titles = {title for text in texts for title in targets(text)}
        pages = self.corpus.pages
        return titles if pages is None else {title for title in titles if pages.find(title) is not None}


def add_pages(service: Service, examples: Examples | None) -> None:
    """Add the explorer's pages to a service.

    Args:
        service: the service.
        examples: the examples of a cache, if there is one to look at.
    """
    site = _Site(service, examples)
    _add_search(site)
    _add_articles(site)
    _add_examples(site)
    _add_files(site)
    _show_unknown_addresses(site)


def _show_unknown_addresses(site: _Site) -> None:
    """Answer a browser that asks for an address that there is not with a page, other programs as the service does."""
    refuse = site.service.app.exception_handlers[HTTPException]

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            return site.page("error", 404, message="There is no such page here.")
        answered: Response = await refuse(request, error)  # type: ignore[misc]
        return answered

    site.service.app.add_exception_handler(HTTPException, answer)


Handler = Callable[..., Awaitable[Response]]


def _shown(site: _Site, handler: Handler) -> Handler:
    """Return a handler whose refusals are pages; where JSON was asked for they are JSON, as the service's are."""

    signature = inspect.signature(handler, eval_str=True)
    takes_request = "request" in signature.parameters

    @wraps(handler)
    async def wrapped(*, request: Request, **given: Any) -> Response:
        if takes_request:
            given["request"] = request
        try:
            return await handler(**given)
        except HTTPException as error:
            status, message = error.status_code, str(error.detail)
        except NotServedError as error:
            status, message = 404, str(error)
        except OverloadedError as error:
            status, message = 503, str(error)
        except UserError as error:
            status, message = 422, str(error)
        if request.query_params.get("format") == "json":
            return _json({"error": message}, status)
        return site.page("error", status, message=message)

    if not takes_request:
        request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        signature = signature.replace(parameters=[*signature.parameters.values(), request])
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    return wrapped


def _get(site: _Site, path: str, handler: Handler) -> None:
    site.service.app.add_api_route(path, _shown(site, handler), include_in_schema=False, response_model=None)


def _add_search(site: _Site) -> None:
    async def home(request: Request) -> Response:
        counts = site.corpus.snapshot.manifest.counts if site.corpus.snapshot is not None else {}
        if request.query_params.get("format") == "json":
            return _json({"dump": site.dump, "counts": counts})
        return site.page("home", counts=counts, dump=site.dump, address=_address(request))

    async def look(request: Request) -> Response:
        given = request.query_params
        query, picture, image = given.get("q", ""), given.get("picture", ""), given.get("image", "")
        k = _number(given.get("k", ""), 10, 1, _MOST_SHOWN)
        find = given.get("find", "both")
        if find not in ("text", "images", "both"):
            raise RequestError(422, "find: give text, images or both")
        if not (query.strip() or picture or image):
            return RedirectResponse("/", 303)
        if query.strip():
            view = await _look_for_text(site, query, k, find)
        else:
            view = await _look_for_picture(site, picture, image, k)
        if given.get("format") == "json":
            return _json(view)
        return site.page("look", view=view, address=_address(request))

    async def drop(request: Request) -> Response:
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("image")
            content = await file.read() if isinstance(file, UploadFile) else b""
        if not content:
            raise RequestError(422, "no image was chosen")
        await asyncio.to_thread(decode_upload, content)
        return RedirectResponse(f"/look?picture={site.uploads.add(content)}", 303)

    async def uploaded(name: str) -> Response:
        content = await asyncio.to_thread(thumbnail, site.uploads.get(name))
        return Response(content, media_type="image/jpeg")

    _get(site, "/", home)
    _get(site, "/look", look)
    _get(site, "/uploads/{name}", uploaded)
    site.service.app.add_api_route(
        "/look", _shown(site, drop), methods=["POST"], include_in_schema=False, response_model=None
    )


async def _look_for_text(site: _Site, query: str, k: int, find: str) -> SearchView:
    paragraphs = images = None
    if find != "images":
        (hits,) = await site.service.find_paragraphs([query], k)
        paragraphs = await asyncio.to_thread(_paragraph_rows, site, query, hits)
    if find != "text" and site.corpus.encoder is not None and site.corpus.encoder.has_text_tower:
        (found,) = await site.service.find_images([query], k)
        images = await asyncio.to_thread(_image_rows, site, found)
    return SearchView(query, "", k, find, paragraphs, images)


async def _look_for_picture(site: _Site, picture: str, image: str, k: int) -> SearchView:
    if picture:
        content, shown = site.uploads.get(picture), f"/uploads/{picture}"
    else:
        if not (image.isascii() and image.isdecimal() and len(image) < 20 and int(image) < 1 << 63):
            raise RequestError(404, "image: give the id of an image of this corpus")
        number = int(image)
        images = site.corpus.images
        if images is None:
            raise NotServedError(site.corpus.no_images)
        content = await asyncio.to_thread(image_content, images, number)
        shown = f"/images/{number}/thumbnail"
    question = await asyncio.to_thread(decode_upload, content)
    (found,) = await site.service.find_images([question], k)
    rows = await asyncio.to_thread(_image_rows, site, found)
    return SearchView("", shown, k, "images", None, rows)


def _paragraph_rows(site: _Site, query: str, hits: Sequence[Hit]) -> list[ParagraphRow]:
    weights = site.service.corpus.with_current(lambda corpus: corpus.text.term_weights(query))
    known = site.known([hit.text for hit in hits])
    return [
        ParagraphRow(
            hit.rank + 1,
            hit.score,
            hit.record_id,
            hit.title,
            hit.section,
            hit.key,
            mark(hit.text, sentence=hit.key, shares=word_shares(weights, hit.key, hit.score), known=known),
        )
        for hit in hits
    ]


def _image_rows(site: _Site, hits: Sequence[Hit]) -> list[ImageRow]:
    known = site.known([hit.text for hit in hits])
    return [
        ImageRow(
            hit.rank + 1,
            hit.score,
            str(hit.record_id),
            hit.key,
            hit.title,
            hit.caption,
            mark(_beginning(hit.text), known=known).pieces,
        )
        for hit in hits
    ]


def _beginning(tagged: str) -> str:
    """Return the first paragraph of an introduction."""
    return tagged.strip().partition("\n")[0]


def _add_articles(site: _Site) -> None:
    async def article(title: str, request: Request) -> Response:
        page = await site.service.find_page(title)
        if request.query_params.get("format") == "json":
            return _json(page)
        sections, pictures = await asyncio.to_thread(_article_view, site, page)
        return site.page(
            "article", page=page, sections=sections, pictures=pictures, address=_address(request)
        )

    async def chance() -> Response:
        if site.corpus.pages is None:
            raise NotServedError("pages are read from a snapshot's folder: give it with --kc")
        title = await asyncio.to_thread(site.corpus.pages.some_title, random.random())
        return RedirectResponse(f"/article/{quote(title, safe='')}", 303)

    _get(site, "/article/{title:path}", article)
    _get(site, "/random", chance)


def _article_view(site: _Site, page: PageContent) -> tuple[list[SectionView], dict[str, bool]]:
    known = site.known([paragraph.text for paragraph in page.paragraphs])
    sections: list[SectionView] = []
    for paragraph in page.paragraphs:
        if not sections or sections[-1].heading != paragraph.section:
            sections.append(SectionView(paragraph.section, []))
        pieces = mark_sentences(paragraph.text, paragraph.sentences, known)
        sections[-1].paragraphs.append((paragraph.paragraph_id, paragraph.kind, pieces))
    images = site.corpus.images
    pictures = {
        str(image.image_id): images is not None and images.has(image.image_id) for image in page.images
    }
    return sections, pictures


def _add_examples(site: _Site) -> None:
    async def listed(request: Request) -> Response:
        examples = _examples(site)
        wanted = _filter(request, examples)
        chosen = await asyncio.to_thread(examples.choose, wanted)
        page = _number(request.query_params.get("page", ""), 1, 1, max(1, -(-len(chosen) // _LISTED)))
        lines = [
            ExampleLine(
                example.example_id,
                " ".join(example.tokens),
                example.relation or "",
                {v.variant: v.right for v in examples.verdicts_of(wanted, example.example_id)},
                examples.count_right(wanted, example.example_id),
            )
            for example in chosen[(page - 1) * _LISTED : page * _LISTED]
        ]
        if request.query_params.get("format") == "json":
            return _json({"filter": wanted, "count": len(chosen), "page": page, "examples": lines})
        return site.page(
            "examples",
            examples=examples,
            wanted=wanted,
            lines=lines,
            count=len(chosen),
            page=page,
            pages=max(1, -(-len(chosen) // _LISTED)),
            address=_address(request),
        )

    async def one(split: str, example_id: str, request: Request) -> Response:
        examples = _examples(site)
        wanted = _filter(request, examples, split)
        view = await asyncio.to_thread(examples.view, wanted, example_id)
        if view is None:
            raise RequestError(404, f"no example {example_id[:100]!r} in {split[:100]}")
        if request.query_params.get("format") == "json":
            return _json(view)
        known = await asyncio.to_thread(
            site.known, [hit.text for source in view.evidence for hit in source.hits]
        )
        titles = await asyncio.to_thread(
            _titles_there, site, {hit.title for source in view.evidence for hit in source.hits if hit.title}
        )
        return site.page(
            "example",
            examples=examples,
            wanted=wanted,
            view=view,
            mark=lambda hit, is_image: (
                mark(hit.text, sentence="" if is_image else hit.key, known=known).pieces
            ),
            titles=titles,
            address=_address(request),
        )

    async def picture(split: str, example_id: str) -> Response:
        examples = _examples(site)
        view = await asyncio.to_thread(examples.view, ExampleFilter(split=split), example_id)
        path = None if view is None else examples.picture(view.example.image)
        if path is None:
            raise RequestError(404, "no such image")
        return Response(
            await asyncio.to_thread(lambda: thumbnail(path.read_bytes())), media_type="image/jpeg"
        )

    _get(site, "/examples", listed)
    _get(site, "/examples/{split}/{example_id:path}", one)
    _get(site, "/pictures/{split}/{example_id:path}", picture)


def _titles_there(site: _Site, titles: Collection[str]) -> Collection[str]:
    pages = site.corpus.pages
    return set() if pages is None else {title for title in titles if pages.find(title) is not None}


def _examples(site: _Site) -> Examples:
    if site.examples is None:
        raise NotServedError("no cache is being looked at: start with --cache caches/NAME")
    return site.examples


def _filter(request: Request, examples: Examples, split: str = "") -> ExampleFilter:
    names = [field.name for field in fields(ExampleFilter)]
    given = {name: request.query_params.get(name, "") for name in names}
    given["split"] = split or given["split"] or examples.first_split
    return ExampleFilter(**given)


def _add_files(site: _Site) -> None:
    for name in ("style.css", "script.js", "icon.svg"):
        _get(site, f"/{name}", _sender(_HERE / "static" / name))


def _sender(path: Path) -> Handler:
    async def send() -> Response:
        return FileResponse(path)

    return send


def _address(request: Request) -> str:
    """Return the address of the page as it can be shared, without its host."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _query(values: dict[str, object]) -> str:
    return urlencode({name: value for name, value in values.items() if value not in ("", None)})


def _number(text: str, default: int, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return default
    return min(max(int(text), least), most)


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.format(msgspec.json.encode(value), indent=1),
        status,
        media_type="application/json",
        headers={"Content-Security-Policy": "default-src 'none'"},
    )
