"""A password in the cluster's or the mirror's address: in no message, no file, no other process's arguments."""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.text_index.options import ClusterOptions
from tests.pipelines.text_index.snapshots import write_snapshot

SECRET = "open-sesame-7391"
ROOT = Path(__file__).resolve().parents[3]


class Refusing(BaseHTTPRequestHandler):
    """Says 401 to everything, a little late, and repeats what it was asked with, as a chatty gateway does."""

    def do_GET(self) -> None:
        time.sleep(0.3)
        body = json.dumps({"error": {"reason": "who are you?"}, "status": 401}).encode()
        self.send_response(401)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.server.asked.append(self.headers.get("Authorization"))  # type: ignore[attr-defined]
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as found:
        found.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()


def arguments_of_children(process: int) -> list[str]:
    """The argument lists of all processes below one."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                pass
    below, found = {process}, []
    while True:
        more = {child for child, parent in parents.items() if parent in below} - below
        if not more:
            return found
        below |= more
        for child in more:
            try:
                found.append((Path("/proc") / str(child) / "cmdline").read_text().replace("\0", " "))
            except OSError:
                pass


def everything_left_by(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints, what its child processes were started with, and every file that it leaves."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | environment,
    )  # fmt: skip
    children: list[str] = []
    while process.poll() is None:
        children += arguments_of_children(process.pid)
        time.sleep(0.05)
    assert process.stdout is not None
    printed = process.stdout.read()
    assert process.returncode != 0, printed
    files = [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    return "\n".join([printed, *children, *files])


COMMANDS = {
    "index_text": ["pipelines.index_text", "--kc", "{kc}", "--elasticsearch-url", "{url}", "--workers", "2"],
    "search": ["pipelines.search", "a town", "--elasticsearch-url", "{url}"],
    "cache": [
        *("pipelines.build_retrieval_cache", "--dataset", "conll", "--data", "{data}", "--sources", "text"),
        *("--elasticsearch-url", "{url}", "--output", "{folder}/cache"),
    ],
    "refresh": [
        *("pipelines.refresh", "--root", "{folder}/root", "--dump", "{dump}", "--elasticsearch-url", "{url}"),
        *("--workers", "2", "--metrics-file", "{folder}/metrics.prom", "--notify-command", "cat"),
    ],
    "download": [
        "pipelines.download_dump",
        "--wiki",
        "simplewiki",
        "--base",
        "{url}",
        "--output",
        "{folder}/dumps",
    ],
}


WAYS = [(command, how) for command in COMMANDS for how in ("in the address", "in the environment")]
WAYS.remove(("download", "in the environment"))  # a mirror's password stands in its address


@pytest.mark.parametrize(("command", "how"), WAYS)
def test_a_secret_goes_to_the_server_alone(command, how, tmp_path, server, demo_dump):
    address = f"127.0.0.1:{server.server_port}"
    given = how == "in the address"
    url = f"http://loader:{SECRET}@{address}" if given else f"http://{address}"
    environment = {} if given else {"ELASTICSEARCH_USER": "loader", "ELASTICSEARCH_PASSWORD": SECRET}
    folder = tmp_path / "folder"
    folder.mkdir()
    kc = write_snapshot(folder / "kc", {"Town": [["A town is here ."]]})
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "valid", "test"):
        (data / f"{split}.txt").write_text("A\tO\ntown\tO\n\n")
    names = {"kc": kc, "url": url, "data": data, "folder": folder, "dump": demo_dump}
    left = everything_left_by([part.format(**names) for part in COMMANDS[command]], folder, environment)
    credentials = base64.b64encode(f"loader:{SECRET}".encode()).decode()
    assert f"Basic {credentials}" in server.asked, left
    assert SECRET not in left
    assert address in left  # the message says which server, without the password


def test_no_record_shows_an_address_with_its_password():
    assert SECRET not in repr(ClusterOptions(elasticsearch_url=f"https://loader:{SECRET}@host:9200"))
