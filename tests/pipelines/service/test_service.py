"""The service as a process: what it answers, what it refuses, and that nothing ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import index_text, search, serve
from pipelines.snapshots.root import Root
from tests.pipelines.text_index.snapshots import write_snapshot
from tests.services.corpus_service import ROOT, RunningService, running_service, start_service

pytestmark = pytest.mark.service
PAGES = {
    "Alan Turing": [["<e: Alan_Turing> Alan Turing </e> worked at <e: Bletchley_Park> Bletchley </e>."]],
    "Bletchley": [["Bletchley is a town."], ["It has a <\\e: literal> tag [bold]and markup[/bold]."]],
    "Script": [["A <script>alert(1)</script> is a town \u202eright to left."]],
}


def build_kc(folder: Path, pages: dict[str, list[list[str]]]) -> Path:
    write_snapshot(folder, pages)
    assert index_text.main(["--kc", str(folder), "--workers", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_kc(tmp_path_factory.mktemp("kc"), PAGES)


@pytest.fixture(scope="module")
def service(kc: Path):
    with running_service("--kc", kc) as running:
        yield running


def test_it_answers_what_the_command_prints(
    service: RunningService, kc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "Alan Turing's town"
    assert search.main([query, "--kc", str(kc), "--json", "--k", "2"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 2
    answer = service.post("/search", {"queries": [query, "unheard"], "k": 2})
    assert answer.status == 200
    assert answer.json == {"results": [printed, []]}
    assert list(answer.json["results"][0][0]) == [
        "rank",
        "score",
        "paragraph_id",
        "title",
        "sentence",
        "text",
        "wikidata_id",
    ]
    assert service.get("/search?q=Alan%20Turing%27s%20town&k=2").json == {"results": [printed]}


def test_ten_hits_are_the_default(service: RunningService) -> None:
    assert service.post("/search", {"queries": ["town"]}).json == service.get("/search?q=town").json


def test_requests_that_arrive_together_get_their_own_answers(service: RunningService) -> None:
    words = ["turing", "town", "markup", "bletchley"]
    alone = {(word, k): service.get(f"/search?q={word}&k={k}").json for word in words for k in (1, 3)}
    asked = [(word, k) for word in words for k in (1, 3)] * 8
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda one: service.get(f"/search?q={one[0]}&k={one[1]}").json, asked))
    assert answers == [alone[one] for one in asked]


def test_it_describes_itself(service: RunningService) -> None:
    described = service.get("/openapi.json").json
    assert {"/search", "/search/image", "/healthz", "/metrics"} <= described["paths"].keys()
    hit = described["components"]["schemas"]["FoundParagraph"]["properties"]
    assert list(hit) == ["rank", "score", "paragraph_id", "title", "sentence", "text", "wikidata_id"]
    assert service.get("/docs").status == 404, "its page would load scripts from elsewhere"


def test_health_and_metrics(service: RunningService) -> None:
    health = service.get("/healthz").json
    assert (health["status"], health["images"], health["trouble"]) == ("ok", False, "")
    service.get("/search?q=town")
    service.get("/made/up")
    lines = service.get("/metrics").body.decode().splitlines()
    assert any(line.startswith('kc_service_requests_total{route="/search",status="200"}') for line in lines)
    assert any(
        line.startswith('kc_service_request_seconds_bucket{le="0.1",route="/search"}') for line in lines
    )
    assert 'kc_service_waiting_questions{index="text"} 0.0' in lines
    assert not any("made" in line for line in lines)


def test_answers_carry_headers_that_keep_browsers_from_running_them(service: RunningService) -> None:
    for path in ("/search?q=town", "/nothing", "/search?q=town&k=0"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_pages_by_title_and_by_id(service: RunningService) -> None:
    page = service.get("/pages/Alan%20Turing").json
    assert (page["page_id"], page["title"], page["links_out"]) == (
        1,
        "Alan Turing",
        ["Alan_Turing", "Bletchley_Park"],
    )
    assert page["paragraphs"][0]["sentences"] == ["Alan Turing worked at Bletchley."]
    assert [link["title"] for link in page["links_in"]] == ["Alan Turing"]
    assert service.get("/pages/Alan_Turing").json == page
    assert service.get("/pages/1").json == page
    for missing in ("Nobody", "99", "9" * 30, "-1", "%00", "%ff", "../manifest.json", "a%2Fb", "%E2%80%AE"):
        assert service.get(f"/pages/{missing}").status == 404, missing
    assert service.get("/pages/" + "x" * 20_000).status == 422


LONG = "word " * 20_000


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"queries": ["town"], "k": 0}, 422, "k: 0 is out of bounds; ask for 1 to 1,000"),
        ({"queries": ["town"], "k": 10**9}, 422, "ask for 1 to 1,000"),
        (b'{"queries": ["town"], "k": ' + b"9" * 5000 + b"}", 400, "body"),
        ({"queries": ["town"], "k": "many"}, 422, "k: Input should be a valid integer"),
        (b'{"queries": ["town"], "k": NaN}', 422, "k"),
        ({"queries": []}, 422, "queries: 0 of them; give 1 to 256"),
        ({"queries": ["x"] * 257}, 422, "queries: 257 of them"),
        ({"queries": ["x"] * 256, "k": 1000}, 422, "more than 25,600 hits"),
        ({"queries": ["ok", LONG]}, 422, "queries[1]: 100,000 characters; a sentence may have 10,000"),
        (b'{"queries": ["\\ud800"]}', 422, "queries[0]: offset 0 is not a character"),
        ({"queries": "town"}, 422, "queries: Input should be a valid list"),
        ({"queries": [["town"]]}, 422, "queries.0: Input should be a valid string"),
        ({"queries": [None]}, 422, "queries.0: Input should be a valid string"),
        ({"queries": ["town"], "find": "all"}, 422, "find: Input should be 'text', 'images' or 'both'"),
        ({"queries": ["town"], "query": "town"}, 422, "query: Extra inputs are not permitted"),
        ({"k": 3}, 422, "queries: Field required"),
        ([], 422, "Input should be a valid dictionary"),
        (b"", 422, "Field required"),
        (b"{", 422, "body: JSON decode error at byte 1"),
        (b"\xff\xfe\x00", 400, "body"),
        (b"[" * 200_000, 400, "body"),
        ({"queries": ["town"], "find": "images"}, 404, "no image index; build one with"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_refused_in_one_line(
    service: RunningService, body: object, status: int, error: str
) -> None:
    answer = service.post("/search", body)
    assert (answer.status, error in answer.error) == (status, True), answer.body
    assert "\n" not in answer.error
    assert len(answer.body) < 400, "what was sent does not come back"
    assert service.get("/search?q=town").status == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_type_is_told_what_to_say(service: RunningService, kind: str) -> None:
    body = b'{"queries": ["town"]}'
    answer = service.ask("POST", "/search", body, {"Content-Type": kind} if kind else {})
    assert answer.status == 422
    assert answer.error == "body: give JSON, and say so: Content-Type: application/json"


@pytest.mark.parametrize("path", ["/search?q=town", "/healthz", "/pages/London", "/pages/Nobody", "/search"])
def test_head_is_get_without_the_body(service: RunningService, path: str) -> None:
    head, get = service.ask("HEAD", path), service.get(path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize(
    "query", ["\u202eevil", "\x00\x00", "a\x00b", "", "   ", "!!!", "<script>alert(1)</script>", "\U0001f600" * 2000]
)  # fmt: skip
def test_odd_sentences_are_answered(service: RunningService, query: str) -> None:
    answer = service.post("/search", {"queries": [query]})
    assert answer.status == 200
    assert len(answer.json["results"]) == 1


def test_huge_bodies_are_refused_before_they_are_read(service: RunningService) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        try:
            for _ in range(8):
                connection.sendall(chunk)
        except OSError:
            pass  # it has answered and hung up
        else:
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert service.get("/search?q=town").status == 200


@pytest.mark.parametrize(
    "junk", [b"\x00\xff\xfe\r\n\r\n", b"GET " + b"/" * 100_000, b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_request_is_refused(service: RunningService, junk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(junk)
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(1000)
    assert service.get("/healthz").status == 200


def test_a_foreign_name_for_this_machine_is_refused(service: RunningService) -> None:
    assert service.get("/search?q=town", Host="evil.example.org").status == 400
    assert service.get("/search?q=town", Host=f"localhost:{service.port}").status == 200


def test_a_request_without_an_end_is_given_up(kc: Path) -> None:
    with (
        running_service("--kc", kc, "--seconds", "1") as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection,
    ):
        connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert connection.recv(1000).startswith(b"HTTP/1.1 503 ")


def test_too_many_at_once_are_refused_and_told_to_come_back(kc: Path) -> None:
    with running_service("--kc", kc, "--waiting", "1") as service:
        with ThreadPoolExecutor(100) as threads:
            body = {"queries": ["Alan Turing worked at Bletchley town"] * 200, "k": 100}
            answers = list(threads.map(lambda _: service.post("/search", body), range(200)))
        statuses = {answer.status for answer in answers}
        assert statuses <= {200, 429, 503}
        assert 200 in statuses
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert service.get("/search?q=town").status == 200


def test_it_needs_a_key_where_others_reach_it(
    kc: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(serve.KEY_VARIABLE, raising=False)
    assert serve.main(["--kc", str(kc), "--host", "0.0.0.0"]) == 2
    assert "set KC_API_KEY in the environment" in capsys.readouterr().err
    environment = {serve.KEY_VARIABLE: "secret"}
    with running_service("--kc", kc, "--host", "0.0.0.0", environment=environment) as service:
        refused = service.get("/search?q=town")
        assert (refused.status, "API key" in refused.error) == (401, True)
        assert service.get("/search?q=town", Authorization="Bearer wrong").status == 401
        assert service.get("/search?q=town", Authorization="Basic !!!").status == 401
        assert service.get("/search?q=town", Authorization="Bearer secret").status == 200
        assert service.get("/search?q=town", **{"X-API-Key": "secret"}).status == 200
        assert service.get("/search?q=town", Authorization="Basic OnNlY3JldA==").status == 200
        assert (
            service.get("/search?q=town", Host="kc.example.org", Authorization="Bearer secret").status == 200
        )
        assert service.get("/healthz").status == 200
        assert service.get("/metrics").status == 401


def test_a_taken_port_and_a_missing_corpus_are_one_line(
    service: RunningService, kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve.main(["--kc", str(kc), "--port", str(service.port)]) == 1
    error = capsys.readouterr().err
    assert f"--port {service.port}: is taken; give another" in error
    assert serve.main(["--kc", str(tmp_path / "none"), "--port", "0"]) == 1
    assert "no such folder; build one with" in capsys.readouterr().err


def test_small_answers_are_sent_at_once() -> None:
    # asyncio sets TCP_NODELAY by the protocol of the listening socket; without it every answer may wait 40 ms.
    with serve.ListenOptions(port=0).listen() as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_it_is_killed_and_started_again_and_ends_when_asked(kc: Path) -> None:
    service = start_service("--kc", kc)
    before = service.get("/search?q=town").json
    service.process.kill()
    service.process.wait()
    again = start_service("--kc", kc, "--port", service.port)
    assert again.get("/search?q=town").json == before
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(timeout=20) in (0, 143)


def test_nothing_is_answered_before_all_is_compiled(kc: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cache = tmp_path / "compiled"
    command = [sys.executable, "-m", "pipelines.serve", "--kc", str(kc), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(cache)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    try:
        starting = RunningService(process, port)
        _wait_until(lambda: _is_listening(port))
        health, search_ = starting.get("/healthz"), starting.get("/search?q=town")
        assert (health.status, search_.status) == (503, 503)
        assert health.error == "the service is starting; ask again in a second"
        assert search_.headers["retry-after"] == "1"
        assert process.stderr is not None
        assert any("serving at" in line for line in process.stderr)
        assert starting.get("/healthz").json["status"] == "ok"
        compiled = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
        assert compiled
        assert starting.get("/search?q=Turing+worked+at+a+town").json["results"][0]
        assert starting.post("/search", {"queries": ["a town", "Turing"]}).status == 200
        assert {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()} == compiled
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_it_with_one_line(kc: Path, times: int) -> None:
    service = start_service("--kc", kc)
    for _ in range(times):
        service.process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    service.process.wait(timeout=60)
    _wait_until(lambda: len(service.lines) > 1 or service.process.returncode == 0)
    assert not any("Traceback" in line or "Cancelled" in line for line in service.lines)


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_switch_to_another_corpus_loses_no_request(tmp_path: Path) -> None:
    root = Root(tmp_path)
    old = build_kc(root.snapshots / "old", {"Old": [["An old town."]]})
    new = build_kc(root.snapshots / "new", {"New": [["A new town."]]})
    root.switch(old)
    answers: list[tuple[int, str]] = []
    stop = threading.Event()
    with running_service("--kc", root.link) as service:

        def keep_asking() -> None:
            while not stop.is_set():
                answer = service.get("/search?q=town")
                answers.append((answer.status, answer.json["results"][0][0]["title"]))

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        _wait_until(lambda: len(answers) > 20)
        root.switch(new)
        _wait_until(lambda: answers[-1][1] == "New")
        shutil.rmtree(old)  # as a refresh tidies
        seen = len(answers)
        _wait_until(lambda: len(answers) > seen + 40)
        stop.set()
        for thread in threads:
            thread.join()
        assert {status for status, _ in answers} == {200}
        assert {title for _, title in answers} == {"Old", "New"}
        assert "kc_service_corpus_switches_total 2.0" in service.get("/metrics").body.decode()


def test_a_corpus_that_cannot_be_opened_leaves_the_older_one_to_answer(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.switch(build_kc(root.snapshots / "old", {"Old": [["An old town."]]}))
    with running_service("--kc", root.link) as service:
        root.switch(write_snapshot(root.snapshots / "new", {"New": [["A new town."]]}))
        _wait_until(lambda: service.get("/healthz").json["trouble"] != "")
        assert "no text index; build it with" in service.get("/healthz").json["trouble"]
        assert service.get("/search?q=town").json["results"][0][0]["title"] == "Old"
        assert index_text.main(["--kc", str(root.snapshots / "new"), "--workers", "1"]) == 0
        _wait_until(lambda: service.get("/search?q=town").json["results"][0][0]["title"] == "New")
        assert service.get("/healthz").json["trouble"] == ""


def _wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
