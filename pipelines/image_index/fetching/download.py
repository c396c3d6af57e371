"""One image from the media server: which addresses are asked in turn, what is asked again, what is final."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pipelines.image_index.decoding import check_image
from pipelines.image_index.errors import BrokenImageError
from pipelines.image_index.fetching.media_urls import MediaServer
from pipelines.image_index.fetching.transport import Answer, Transport, TransportError

__all__ = ["Outcome", "check_content", "download_image"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one image; `error` is empty where it was had."""

    url: str
    error: str
    content: bytes = b""
    width: int = 0
    height: int = 0
    mime: str = ""
    sha256: str = ""
    detail: str = ""
    """More about the error, for messages; it is not kept."""


def download_image(file: str, server: MediaServer, transport: Transport) -> Outcome:
    """Asks for a file until it is had or its failure is final.

    The shared repository's thumbnail comes first, then that of the wiki's own. A server refuses to draw a
    thumbnail wider than its file: then the file itself is asked for where it is a raster image, and narrower
    thumbnails where it is a document or a video.

    Raises:
        Stopped: nothing more may be asked of the host; the image is as if it had not been tried.
    """
    url, error, detail = "", "not found", ""
    for repository in server.repositories:
        for url in server.thumbnails(repository, file):
            answer, error, detail = _ask(url, transport)
            if answer is None or answer.status != 400:
                break
        if answer is not None and answer.status in (400, 500):
            original = server.original(repository, file)
            if original is not None:
                url = original
                answer, error, detail = _ask(url, transport)
        if answer is not None and answer.status == 200:
            outcome = check_content(answer.content, answer.url)
            if not outcome.error:
                transport.gate.known_good = answer.url
            return outcome
        if error != "not found":
            break
    return Outcome(url, error, detail=detail)


def check_content(content: bytes, url: str) -> Outcome:
    """Gives the outcome for bytes that are there: an image, or the reason why it is none."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = check_image(content)
    except BrokenImageError as error:
        return Outcome(url, error.reason, sha256=sha256, detail=error.detail)
    return Outcome(url, "", content, image.width, image.height, image.mime, sha256)


def _ask(url: str, transport: Transport) -> tuple[Answer | None, str, str]:
    """Ask until there is a final answer; return it (None without one), why it is none, and a detail of that."""
    gate = transport.gate
    limits = gate.limits
    failures = refusals = answers_before = 0
    while True:
        try:
            answer = transport.get(url)
        except TransportError as error:
            if not error.transient:
                gate.answered()
                return None, error.reason, error.detail
            last, reason = None, error.reason
        else:
            if answer.status in (429, 503):
                answers_before = answers_before if refusals else gate.answers
                refusals += 1
                gate.refused(answer.status, answer.retry_after)
                if refusals >= limits.attempts and _refused_alone(transport, answers_before):
                    return answer, _reason(answer.status), ""
                continue
            gate.answered()
            if answer.status == 403:
                gate.stop(
                    f"{gate.host} refuses ({url}: 403); nothing more is asked of it. Read its policy, correct"
                    " --contact, and run the same command again later"
                )
                gate.sleep(0)
            if answer.status < 500:
                return answer, _reason(answer.status), ""
            last, reason = answer, _reason(answer.status)
        failures += 1
        if failures >= limits.attempts:
            break
        gate.sleep(limits.delay(failures - 1))
    if last is None and reason in ("no connection", "timeout"):
        gate.unanswered()
    return last, reason, ""


def _refused_alone(transport: Transport, answers_before: int) -> bool:
    """Tell whether a host that refuses an image answers for others: asked for one that it gave before."""
    gate = transport.gate
    if gate.answers > answers_before:
        return True
    if gate.known_good is None:
        return False
    try:
        answer = transport.get(gate.known_good)
    except TransportError:
        return False
    if answer.status in (429, 503):
        gate.refused(answer.status, answer.retry_after)
        return False
    gate.answered()
    return True


def _reason(status: int) -> str:
    if status == 200:
        return ""
    if status in (404, 410):
        return "not found"
    if status == 429:
        return "too many requests"
    return f"server error {status}" if status >= 500 else f"answer {status}"
