"""Requests to servers that would lead this program astray, hold it, or fill its memory: all of them on this machine."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

pytest.importorskip("PIL")
pytest.importorskip("requests")

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching import transport as transport_module
from pipelines.image_index.fetching.politeness import HostGate, Limits
from pipelines.image_index.fetching.sources import Outcome, download_image
from pipelines.image_index.fetching.transport import (
    Credentials,
    Transport,
    forbids_learning,
    host_of,
    split_credentials,
)
from pipelines.image_index.file_names import MediaServer as Addresses
from tests.services.media_server import MediaServer, content_of, media_server

LIMITS = Limits(megabits_per_second=8000, first_delay=0.01, longest_delay=0.05, attempts=2)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with media_server() as media:
        yield media


@pytest.fixture
def other() -> Iterator[MediaServer]:
    with media_server() as media:
        yield media


def fetch(
    server: MediaServer,
    file: str,
    *,
    base: str = "",
    hosts: tuple[str, ...] = (),
    private_addresses: bool = True,
    credentials: Credentials | None = None,
) -> Outcome:
    base = base or server.url
    transport = Transport(
        HostGate(host_of(base), LIMITS),
        [host_of(base), *hosts],
        user_agent="test",
        max_bytes=200_000,
        max_seconds=1.0,
        private_addresses=private_addresses,
        credentials=credentials,
    )
    try:
        return download_image(file, Addresses(base), transport)
    finally:
        transport.close()


LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
]


@pytest.mark.parametrize("spelling", [*LOOPBACK, "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_no_spelling_of_this_machine_is_asked(server: MediaServer, spelling: str) -> None:
    base = f"http://{spelling}:{server.port}"
    assert fetch(server, "Fine_a.jpg", base=base, private_addresses=False).error == "private address"
    assert server.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "2002:a00:1::",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
    ],
)
def test_addresses_that_are_not_the_internets(address: str) -> None:
    assert not transport_module._is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2620:0:861:ed1a::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_addresses_of_the_internet(address: str) -> None:
    assert transport_module._is_public(address)


@pytest.mark.parametrize("spelling", LOOPBACK)
def test_a_redirect_leads_to_no_spelling_of_this_machine(
    server: MediaServer, other: MediaServer, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts as public, the place that it redirects to does not, though its name is allowed."""
    other_host = host_of(f"http://{spelling}:{other.port}")
    server.redirect = (
        f"http://{spelling}:{other.port}/wikipedia/commons/thumb/0/00/Fine_a.jpg/500px-Fine_a.jpg"
    )
    assert fetch(server, "Sent_a.jpg").error == "redirect elsewhere"
    real = transport_module._check_peer

    def check(connected: socket.socket) -> socket.socket:
        return connected if connected.getpeername()[1] == server.port else real(connected)

    monkeypatch.setattr(transport_module, "_check_peer", check)
    outcome = fetch(server, "Sent_a.jpg", hosts=(other_host,), private_addresses=False)
    assert outcome.error == "private address"
    assert other.requests == []


def test_a_name_that_changes_after_it_was_looked_up_helps_nobody(
    server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int, *arguments: object, **options: object) -> list[object]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert socket.getaddrinfo("media.example.org", 80)[0][4][0] == "93.184.216.34"  # what a check would see
    base = f"http://media.example.org:{server.port}"
    assert fetch(server, "Fine_a.jpg", base=base, private_addresses=False).error == "private address"
    assert asked[1:] == ["media.example.org"]
    assert server.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.invalid\\@{host}/x.jpg",
        "http://{host}@evil.invalid/x.jpg",
        "//evil.invalid/x.jpg",
        "http:\\\\evil.invalid/x.jpg",
        "file:///etc/passwd",
        "ftp://{host}/x.jpg",
        "gopher://{host}/x.jpg",
        "http://[::1",
        "http://{host}:99999/x.jpg",
        "http://",
        "data:image/png;base64,AAAA",
    ],
)
def test_odd_redirects_lead_nowhere_else(
    server: MediaServer, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: set[str] = set()
    look_up = socket.getaddrinfo

    def note(host: str, *arguments: object, **options: object) -> object:
        reached.add(host)
        return look_up(host, *arguments, **options)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", note)
    server.redirect = location.format(host=host_of(server.url))
    if "//" not in server.redirect:
        server.redirect = f"{server.redirect}//"
    outcome = fetch(server, "Sent_a.jpg")
    assert outcome.error in (
        "redirect elsewhere",
        "unusable address or answer",
        "not found",
        "too many redirects",
    )
    assert outcome.content == b""
    assert reached == {"127.0.0.1"}


def test_the_host_of_a_refused_redirect_is_named(server: MediaServer) -> None:
    server.redirect = "https://Login.Example.org:8443/?next=1"
    assert fetch(server, "Sent_a.jpg").detail == "login.example.org:8443"


def test_a_user_and_password_are_sent_to_the_server_alone(server: MediaServer, other: MediaServer) -> None:
    address, credentials = split_credentials(f"http://me:se%40cret@127.0.0.1:{server.port}/media")
    assert (address, credentials) == (f"http://127.0.0.1:{server.port}/media", ("me", "se@cret"))
    server.redirect = (
        f"http://127.0.0.1:{other.port}/wikipedia/commons/thumb/0/00/Fine_a.jpg/500px-Fine_a.jpg"
    )
    outcome = fetch(server, "Sent_a.jpg", hosts=(host_of(other.url),), credentials=credentials)
    assert outcome.error == ""
    assert "cret" not in outcome.url
    assert all(headers["Authorization"].startswith("Basic ") for headers in server.headers)
    assert [headers.get("Authorization") for headers in other.headers] == [None]
    # A redirect does not choose what is sent either.
    server.redirect = (
        f"http://a:b@127.0.0.1:{other.port}/wikipedia/commons/thumb/0/00/Fine_a.jpg/500px-Fine_a.jpg"
    )
    assert "@" not in fetch(server, "Sent_a.jpg", hosts=(host_of(other.url),)).url
    assert [headers.get("Authorization") for headers in other.headers] == [None, None]


def test_cookies_are_not_kept(server: MediaServer) -> None:
    gate = HostGate("test", LIMITS)
    how = {"user_agent": "test", "max_bytes": 200_000, "max_seconds": 1.0, "private_addresses": True}
    transport = Transport(gate, [host_of(server.url)], **how)  # type: ignore[arg-type]
    for file in ("Cookie_a.jpg", "Fine_b.jpg"):
        assert download_image(file, Addresses(server.url), transport).error == ""
    transport.close()
    assert [headers.get("Cookie") for headers in server.headers] == [None, None]


@pytest.mark.parametrize(
    "file", ["Fine_\r\nX: y.jpg", "Fine_%0d%0aX: y.jpg", "Fine_a.jpg HTTP/1.1\r\nX: y", "Fine_ .jpg"]
)
def test_file_names_add_nothing_to_a_request(server: MediaServer, file: str) -> None:
    """The plan refuses such names; even past it they would stay part of the path."""
    fetch(server, file)
    assert all("X" not in headers for headers in server.headers)
    assert all(" " not in path and "\r" not in path for path in server.requests)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("Zipped_a.jpg", ""),
        ("Zipbomb_a.jpg", "too many bytes"),
        ("Zipzip_a.jpg", "broken encoding"),
        ("Zipnothing_a.jpg", "too many bytes"),
        ("Zipbroken_a.jpg", "broken encoding"),
        ("Zipcut_a.jpg", "wrong length"),
    ],
)
def test_compressed_bodies_are_bounded(server: MediaServer, file: str, error: str) -> None:
    tracemalloc.start()
    outcome = fetch(server, file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.error == error
    if not error:
        assert outcome.content == content_of(file, True)[1]
    if file.startswith(("Zipnothing", "Zipbroken")):  # the server's own bodies are in the same process
        assert most < 5_000_000


@pytest.mark.parametrize("file", ["Slow_a.jpg", "Head_a.jpg", "Continue_a.jpg", "Extension_a.jpg"])
def test_nothing_that_drips_holds_a_connection(server: MediaServer, file: str) -> None:
    started = time.monotonic()
    assert fetch(server, file).error == "timeout"
    assert time.monotonic() - started < 6.0  # two attempts of a second
    for timer in [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        timer.join(1.0)
        assert not timer.is_alive()


def test_what_is_closed_to_machine_learning_is_left_alone(server: MediaServer) -> None:
    assert fetch(server, "Robots_a.jpg").error == "closed to machine learning"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("value", "closed"),
    [
        ("", False),
        ("noindex, nofollow", False),
        ("noai", True),
        ("noindex, NoImageAI", True),
        ("otherbot: noai", False),
        ("otherbot: noindex, noai", False),
        ("entity-knowledge-corpus: noai", True),
        ("otherbot: noai, *: noimageai", True),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST, noai", True),
    ],
)
def test_the_robots_tag_is_read(value: str, closed: bool) -> None:
    assert forbids_learning(value) is closed


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://a:b:c/", "https:///x", "nonsense"])
def test_an_address_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(FetchError, match="not an address with a host"):
        host_of(address)
