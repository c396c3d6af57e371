"""A MediaWiki API of the tests' own: ``prop=imageinfo`` in the real answers' format (formatversion 2), and its moods.

Titles are normalised, redirects followed and named, answers go on (``continue``) after so many files, more than 50
titles are refused, and clients are told to wait by ``maxlag`` and by 429.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class WikiApiServer:
    """The running server, with what it saw."""

    files: Mapping[str, Mapping[str, str] | None]
    """Name with spaces -> fields of extmetadata; None for a file whose page says nothing."""
    redirects: Mapping[str, str] = field(default_factory=dict)
    """Old name -> new name."""
    local: str = "local"
    """The ``imagerepository`` of its files."""
    files_an_answer: int = 50
    port: int = 0
    delay: float = 0.0
    """Seconds before each answer."""
    moods: list[str] = field(default_factory=list)
    """What the next answers are, one each: maxlag, 429, 503, 500, 403, html, error."""
    requests: list[list[str]] = field(default_factory=list)
    """Titles of every request."""
    agents: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/w/api.php"

    def answer(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """The answer to a request for files."""
        one = {name: values[0] for name, values in asked.items()}
        assert (one["action"], one["prop"], one["formatversion"], one["maxlag"]) == (
            "query",
            "imageinfo",
            "2",
            "5",
        )
        titles = one["titles"].split("|")
        self.requests.append(titles)
        if len(titles) > 50:
            return {
                "error": {"code": "toomanyvalues", "info": 'Too many values supplied for parameter "titles".'}
            }
        shown = {title: title.replace("_", " ") for title in titles}
        normalised = [{"fromencoded": False, "from": a, "to": b} for a, b in shown.items() if a != b]
        moved = {b: f"File:{self.redirects[b[5:]]}" for b in shown.values() if b[5:] in self.redirects}
        pages = list(dict.fromkeys(moved.get(title, title) for title in shown.values()))
        start = int(one.get("iistart", "0"))
        end = start + self.files_an_answer
        described = [
            self.page(number, title, full=start <= number < end) for number, title in enumerate(pages)
        ]
        query: dict[str, Any] = {"pages": described}
        if normalised:
            query["normalized"] = normalised
        if moved:
            query["redirects"] = [{"from": a, "to": b} for a, b in moved.items()]
        going_on = {"iistart": str(end), "continue": "||"} if end < len(pages) else None
        return {**({"continue": going_on} if going_on else {"batchcomplete": True}), "query": query}

    def page(self, number: int, title: str, *, full: bool) -> dict[str, Any]:
        name = title[5:]
        if name not in self.files:
            return {"ns": 6, "title": title, "missing": True, "imagerepository": ""}
        page: dict[str, Any] = {
            "pageid": 100 + number,
            "ns": 6,
            "title": title,
            "imagerepository": self.local,
        }
        if full:
            fields = self.files[name]
            about: dict[str, Any] = {
                "url": f"http://127.0.0.1/files/{name}",
                "descriptionurl": f"http://127.0.0.1/wiki/File:{name.replace(' ', '_')}",
            }
            if fields is not None:
                about["extmetadata"] = {
                    key: {"value": value, "source": "commons-desc-page", "hidden": ""}
                    for key, value in fields.items()
                }
            page["imageinfo"] = [about]
        return page


class _Handler(BaseHTTPRequestHandler):
    server_ref: WikiApiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        api = self.server_ref
        api.agents.add(self.headers.get("User-Agent", ""))
        mood = api.moods.pop(0) if api.moods else ""
        time.sleep(api.delay)
        if mood.isdigit():
            self._send(int(mood), b"", {"Retry-After": "0"} if mood in ("429", "503") else {})
        elif mood == "maxlag":
            lag = {
                "error": {"code": "maxlag", "info": "Waiting for 10.64.0.1: 7.3 seconds lagged.", "lag": 7.3}
            }
            self._send(200, json.dumps(lag).encode(), {"Retry-After": "0", "X-Database-Lag": "7"})
        elif mood == "html":
            self._send(200, b"<html>log in</html>", {})
        elif mood == "error":
            self._send(200, b'{"error":{"code":"internal_api_error","info":"broken"}}', {})
        else:
            self._send(200, json.dumps(api.answer(parse_qs(urlsplit(self.path).query))).encode(), {})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def wiki_api(files: Mapping[str, Mapping[str, str] | None], **settings: Any) -> Iterator[WikiApiServer]:
    """Run the server on this machine until the block ends."""
    api = WikiApiServer(files, **settings)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_ref": api}))
    server.daemon_threads = True
    api.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
