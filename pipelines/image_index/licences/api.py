"""Asks a wiki's API for what it says of files: 50 titles a request, one request at a time, as long as it is let.

Etiquette: https://www.mediawiki.org/wiki/API:Etiquette; ``maxlag``: https://www.mediawiki.org/wiki/Manual:Maxlag_parameter;
continuation: https://www.mediawiki.org/wiki/API:Continue.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.sources import Asking, TransportError
from pipelines.image_index.licences.metadata import FIELDS, describe_file

__all__ = ["TITLES_PER_REQUEST", "FileRights", "WikiApi"]

TITLES_PER_REQUEST = 50
"""What the API takes of clients without further rights."""
_LONGEST_URL = 7000
_MOST_CONTINUATIONS = 200
_BUSY = ("maxlag", "ratelimited", "readonly")
"""Errors that pass: the answer is asked for again."""


@dataclass(frozen=True, slots=True)
class FileRights:
    """What a wiki says of a file."""

    status: str
    """``ok``, ``renamed``, ``missing`` (deleted, or never there) or ``no metadata``."""
    renamed_to: str = ""
    description_url: str = ""
    shared: bool = True
    """Whether the file lies in the shared repository."""
    columns: dict[str, str] = field(default_factory=dict)
    """As `describe_file` gives them."""


class WikiApi:
    """The API of one wiki."""

    def __init__(self, address: str, transport: Asking, *, seconds_between_requests: float = 1.0) -> None:
        """Take note of the API.

        Args:
            address: such as ``https://commons.wikimedia.org/w/api.php``.
            transport: asks its host alone.
            seconds_between_requests: from the start of one request to that of the next.
        """
        self.address = address
        self._transport = transport
        self._seconds = seconds_between_requests
        self._next = 0.0

    def rights(self, files: Sequence[str]) -> dict[str, FileRights]:
        """Return what the wiki says of files, by name as given.

        Raises:
            FetchError: the API gives no answer, or none that is understood.
            Stopped: nothing more may be asked of the host.
        """
        found: dict[str, FileRights] = {}
        for some in self._requests(files):
            found.update(self._ask(some))
        return found

    def _requests(self, files: Sequence[str]) -> Iterator[list[str]]:
        """Cut files into requests by number and by the length of the address."""
        some: list[str] = []
        for name in files:
            if some and (len(some) == TITLES_PER_REQUEST or len(self._url([*some, name], {})) > _LONGEST_URL):
                yield some
                some = []
            some.append(name)
        if some:
            yield some

    def _url(self, files: Sequence[str], more: dict[str, str]) -> str:
        parameters = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "maxlag": "5",
            "redirects": "1",
            "prop": "imageinfo",
            "iiprop": "url|extmetadata",
            "iiextmetadatafilter": "|".join(FIELDS),
            "titles": "|".join(f"File:{name}" for name in files),
        }
        return f"{self.address}?{urlencode(parameters | more)}"

    def _ask(self, files: Sequence[str]) -> dict[str, FileRights]:
        """Ask for some files, as often as the answer goes on."""
        pages: dict[str, dict[str, Any]] = {}
        renamed: dict[str, str] = {}
        spelled: dict[str, str] = {}
        more: dict[str, str] = {}
        for _ in range(_MOST_CONTINUATIONS):
            answer = self._answer(self._url(files, more))
            query = answer.get("query") or {}
            spelled.update((entry["from"], entry["to"]) for entry in query.get("normalized") or ())
            renamed.update((entry["from"], entry["to"]) for entry in query.get("redirects") or ())
            for page in query.get("pages") or ():
                pages.setdefault(page.get("title", ""), {}).update(page)
            going_on = answer.get("continue")
            if not going_on:
                return {name: _rights(name, spelled, renamed, pages) for name in files}
            going_on = {str(key): str(value) for key, value in going_on.items()}
            if going_on == more:
                break
            more = going_on
        raise FetchError(f"{self.address}: its answer for {files[0]} never ends; try again later")

    def _answer(self, url: str) -> dict[str, Any]:
        """Return an answer that is none of 'come again later'."""
        gate = self._transport.gate
        failures = 0
        while True:
            wait = self._next - time.monotonic()
            if wait > 0:
                gate.sleep(wait)
            self._next = time.monotonic() + self._seconds
            try:
                answer = self._transport.get(url)
            except TransportError as error:
                failures += 1
                if not error.transient or failures >= gate.limits.attempts:
                    raise FetchError(
                        f"{self.address}: {error.reason}; run the same command again later"
                    ) from error
                gate.sleep(gate.limits.delay(failures - 1))
                continue
            if answer.status in (429, 503):
                gate.refused(answer.status, answer.retry_after)
                continue
            if answer.status != 200:
                failures += 1
                if answer.status < 500 or failures >= gate.limits.attempts:
                    raise FetchError(
                        f"{self.address}: answer {answer.status}; is it the address of a MediaWiki API (.../w/api.php),"
                        " and may it be asked?"
                    )
                gate.sleep(gate.limits.delay(failures - 1))
                continue
            read = self._read(answer.content)
            complaint = read.get("error")
            if complaint is None:
                gate.answered()
                return read
            if not isinstance(complaint, dict) or complaint.get("code") not in _BUSY:
                raise FetchError(f"{self.address}: complains: {str(complaint)[:200]}")
            gate.refused(answer.status, answer.retry_after)

    def _read(self, content: bytes) -> dict[str, Any]:
        try:
            read = msgspec.json.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise FetchError(
                f"{self.address}: answers no JSON; is it the address of a MediaWiki API?"
            ) from error
        if not isinstance(read, dict):
            raise FetchError(f"{self.address}: answers JSON that is no answer of a MediaWiki API")
        return read


def _rights(
    name: str, spelled: dict[str, str], renamed: dict[str, str], pages: dict[str, dict[str, Any]]
) -> FileRights:
    title = f"File:{name}"
    title = spelled.get(title, title.replace("_", " "))
    target = title
    for _ in range(4):  # a redirect may lead to another
        if target not in renamed:
            break
        target = renamed[target]
    page = pages.get(target)
    if page is None or page.get("invalid"):
        return FileRights("missing")
    infos = page.get("imageinfo") or [{}]
    info = infos[0] if isinstance(infos[0], dict) else {}
    shared = page.get("imagerepository") == "shared"
    moved = target.partition(":")[2].replace(" ", "_") if target != title else ""
    metadata = info.get("extmetadata") or {}
    if not info or (not metadata and not info.get("descriptionurl")):
        return FileRights("missing")
    status = "renamed" if moved else "ok" if metadata else "no metadata"
    described = describe_file(metadata if isinstance(metadata, dict) else {})
    return FileRights(status, moved, str(info.get("descriptionurl") or ""), shared, described)
