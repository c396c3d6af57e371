"""A whole refresh beside a service that is asked all the time: no request is lost, and the new corpus answers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.dump_writer import DumpPage, noise, redirect_page, write_dump
from tests.services.corpus_service import ROOT, RunningService, running_service

pytestmark = pytest.mark.service

_CLIENTS = 4
_SECONDS_BETWEEN_REQUESTS = 0.01
_PATHS = ("/search?q=harbour+town&k=3", "/pages/Page%205", "/pages/Way", "/healthz", "POST")


def write(folder: Path, day: str, word: str) -> Path:
    pages = [
        DumpPage(
            f"Page {n}", f"Page {n} is a harbour town {word if n == 5 else 'as before'}. {noise(n, 80)}.", n
        )
        for n in range(1, 60)
    ]
    pages = [page if word == "first" else _newer(page) for page in pages]
    path = folder / day / f"testwiki-{day}-pages-articles.xml.bz2"
    return write_dump(path, [*pages, redirect_page("Way", "Page 5", 100)])


def _newer(page: DumpPage) -> DumpPage:
    return DumpPage(page.title, page.text, page.page_id, revision_id=9000 + page.page_id)


def refresh(root: Path, dump: Path) -> subprocess.CompletedProcess[str]:
    command = ["--root", str(root), "--dump", str(dump), "--keep", "1", "--workers", "1"]
    return subprocess.run(
        [sys.executable, "-m", "pipelines.refresh", *command],
        cwd=ROOT, check=False, text=True, capture_output=True,
    )  # fmt: skip


class Client(threading.Thread):
    """Asks one thing after the other until it is told to stop; keeps what came."""

    def __init__(self, service: RunningService) -> None:
        super().__init__()
        self.answers: list[tuple[str, int, bytes]] = []
        self.error: Exception | None = None
        self.stop = threading.Event()
        self._service = service

    def run(self) -> None:
        turn = 0
        try:
            while not self.stop.wait(_SECONDS_BETWEEN_REQUESTS):
                path = _PATHS[turn % len(_PATHS)]
                turn += 1
                if path == "POST":
                    answer = self._service.post("/search", {"queries": ["harbour", "a town"], "k": 5})
                else:
                    answer = self._service.get(path)
                self.answers.append((path, answer.status, answer.body))
        except Exception as error:
            self.error = error

    def pages(self) -> list[bool]:
        """Of every answer with the page that has changed, whether it is the new one."""
        return [b"town second" in body for path, _, body in self.answers if path.startswith("/pages/")]


def test_a_refresh_beside_a_service_loses_no_request(tmp_path: Path) -> None:
    first = refresh(tmp_path / "root", write(tmp_path, "20260101", "first"))
    assert first.returncode == 0, first.stderr
    old = (tmp_path / "root" / "current").resolve()
    with running_service("--kc", tmp_path / "root" / "current") as service:
        clients = [Client(service) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        try:
            second = refresh(tmp_path / "root", write(tmp_path, "20260201", "second"))
            assert second.returncode == 0, second.stderr
            assert not old.exists()  # --keep 1 has taken it away under the service
            deadline = time.monotonic() + 60
            while not all(client.pages()[-10:] == [True] * 10 for client in clients):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            for client in clients:
                client.stop.set()
            for client in clients:
                client.join()
        metrics = service.get("/metrics").body.decode()
    for client in clients:
        assert client.error is None
        assert {status for _, status, _ in client.answers} == {200}
        answers = client.pages()
        assert not answers[0]
        assert answers == sorted(answers), "an older answer came behind a newer one"
    assert "kc_service_corpus_switches_total 2.0" in metrics
    assert 'status="5' not in metrics
