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


def download_image(file: str, server: MediaServer, transport: Transport) -> Outcome:
    """Asks for a file until it is had or its failure is final.

    The shared repository's thumbnail comes first, then that of the wiki's own. A server refuses to draw a
    thumbnail wider than its file: then the file itself is asked for where it is a raster image, and narrower
    thumbnails where it is a document or a video.

    Raises:
        Stopped: nothing more may be asked of the host; the image is as if it had not been tried.
    """
    url, error = "", "not found"
    for repository in server.repositories:
        for url in server.thumbnails(repository, file):
            answer, error = _ask(url, transport)
            if answer is None or answer.status != 400:
                break
        if answer is not None and answer.status in (400, 500):
            original = server.original(repository, file)
            if original is not None:
                url = original
                answer, error = _ask(url, transport)
        if answer is not None and answer.status == 200:
            return check_content(answer.content, answer.url)
        if error != "not found":
            break
    return Outcome(url, error)


def check_content(content: bytes, url: str) -> Outcome:
    """Gives the outcome for bytes that are there: an image, or the reason why it is none."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = check_image(content)
    except BrokenImageError as error:
        return Outcome(url, error.reason, sha256=sha256)
    return Outcome(url, "", content, image.width, image.height, image.mime, sha256)


def _ask(url: str, transport: Transport) -> tuple[Answer | None, str]:
    """Asks until there is a final answer; gives it with its reason, or None and why there is none."""
    gate = transport.gate
    limits = gate.limits
    reason = "no connection"
    answer: Answer | None = None
    for attempt in range(limits.attempts):
        if attempt:
            gate.sleep(limits.delay(attempt - 1))
        try:
            answer = transport.get(url)
        except TransportError as error:
            answer, reason = None, error.reason
            if error.transient:
                continue
            gate.answered()
            return None, reason
        gate.answered()
        if answer.status == 403:
            gate.stop(
                f"{gate.host} refuses ({url}: 403); nothing more is asked of it. Read its policy, correct"
                " --contact, and run the same command again later"
            )
            gate.sleep(0)
        if answer.status in (429, 503):
            reason = "too many requests" if answer.status == 429 else "server error 503"
            gate.pause(answer.retry_after if answer.retry_after is not None else limits.delay(attempt))
            continue
        if answer.status < 500:
            return answer, _reason(answer.status)
        reason = f"server error {answer.status}"
    if answer is None and reason in ("no connection", "timeout"):
        gate.unanswered()
    return answer, reason


def _reason(status: int) -> str:
    if status == 200:
        return ""
    if status in (404, 410):
        return "not found"
    return f"answer {status}"
