"""A dump and a corpus in object storage: built, stopped, gone on with, checked and searched as on a disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kc_schema.store import ObjectPath, as_path
from kc_schema.verify import verify
from pipelines.engine import TIMINGS
from tests.corpus_builder import build, files
from tests.dump_writer import DumpPage, noise, redirect_page, write_dump
from tests.services.object_storage import Fault, ObjectStorage

ROOT = Path(__file__).resolve().parents[2]

PAGES = [
    DumpPage(
        f"City {number}",
        f"'''City {number}''' lies on the [[river {number % 7}]].\n\n== History ==\n"
        f"It was founded by [[Person {number}|a person]]. Its seal reads: {noise(number, 3_000)}.\n",
    )
    for number in range(100)
] + [redirect_page(f"Person {number}", f"City {number + 1}") for number in range(0, 100, 3)]


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One dump in every format that is read."""
    folder = tmp_path_factory.mktemp("dumps")
    for suffix in (".xml", ".xml.bz2", ".xml.gz", ".xml.zst"):
        (folder / suffix.replace(".", "")).mkdir()
        write_dump(folder / suffix.replace(".", "") / f"testwiki-20250101-pages-articles{suffix}", PAGES)
    return folder


@pytest.fixture
def there(object_storage: ObjectStorage, dumps: Path) -> ObjectPath:
    """The bucket with the dumps in it."""
    folder = as_path(object_storage.address("data"))
    assert isinstance(folder, ObjectPath)
    for path in dumps.rglob("*.xml*"):
        (folder / path.relative_to(dumps)).write_bytes(path.read_bytes())
    object_storage.reset()
    return folder


def command(module: str, *options: str | Path) -> list[str]:
    return [sys.executable, "-m", module, *map(str, options)]


def run(*arguments: str, status: int = 0) -> str:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("suffix", ["xml", "xmlbz2", "xmlgz", "xmlzst"])
def test_a_dump_read_by_ranges_gives_the_tables_of_a_local_build(
    there: ObjectPath, dumps: Path, tmp_path: Path, suffix: str
) -> None:
    build(dumps / suffix, tmp_path / "kc", unit_bytes=100_000)
    build(str(there / suffix), there / "kc", unit_bytes=100_000)
    assert files(there / "kc") == files(tmp_path / "kc")
    assert not (there / "kc" / ".work").exists()
    assert not (there / "kc" / ".lock").exists()


def test_the_commands_take_addresses(
    there: ObjectPath, dumps: Path, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    here, kc = tmp_path / "kc", there / "kc"
    pattern = f"{there}/xmlb*/*.bz2"
    run(*command("pipelines.build_text_kc", "--dump", dumps / "xmlbz2", "--output", here, "--workers", "1"))
    said = run(*command("pipelines.build_text_kc", "--dump", pattern, "--output", kc, "--workers", "2"))
    assert str(kc) in said
    written = object_storage.objects("data/kc/")
    written.pop(f"data/kc/{TIMINGS}")
    assert written == {
        f"data/kc/{path.relative_to(here).as_posix()}": path.read_bytes()
        for path in sorted(here.rglob("*"))
        if path.is_file() and path.name != TIMINGS
    }
    assert "finished, nothing to do" in run(
        *command("pipelines.build_text_kc", "--dump", pattern, "--output", kc)
    )
    assert "everything holds" in run(*command("kc_schema.verify", kc))
    found = run(*command("pipelines.search", "who founded city 42", "--kc", kc))
    assert found == run(*command("pipelines.search", "who founded city 42", "--kc", here))
    assert "City 42" in found
    (kc / "sentences").iterdir().__next__().write_bytes(b"damaged")
    assert "size differs from the manifest" in run(*command("kc_schema.verify", kc), status=1)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, f"ended too early:\n{process.communicate()}"
        assert time.monotonic() < end, "still not so"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_killed_build_goes_on(
    there: ObjectPath, tmp_path: Path, victim: str, object_storage: ObjectStorage
) -> None:
    dump = tmp_path / "testwiki-20250101-pages-articles.xml.bz2"
    write_dump(
        dump, [*PAGES, *(DumpPage(f"More {n}", f"It says {noise(1000 + n, 6_000)}.") for n in range(450))]
    )
    (there / "dump" / dump.name).upload(dump)  # type: ignore[attr-defined]
    options = ["--text-index", "none", "--workers", "2"]
    run(*command("pipelines.build_text_kc", "--dump", dump, "--output", tmp_path / "kc", *options))
    again = command("pipelines.build_text_kc", "--dump", there / "dump", "--output", there / "kc", *options)
    # Slow enough to be met in the middle.
    object_storage.faults.append(Fault("wait", key="units/.*/pages", methods=("PUT",), seconds=0.5))
    with subprocess.Popen(
        again, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: object_storage.count("PUT", r"units/.*/result\.json"), process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [
            int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()
        ]
        os.kill(process.pid if victim == "driver" else workers[0], signal.SIGKILL)
        process.communicate(timeout=120)
    assert process.returncode
    assert not (there / "kc" / "manifest.json").exists()
    object_storage.faults.clear()
    said = run(*again)
    assert "going on:" in said
    assert files(there / "kc") == files(tmp_path / "kc")
    assert not verify(there / "kc").counts


def test_a_build_that_runs_keeps_others_out(there: ObjectPath, object_storage: ObjectStorage) -> None:
    again = command(
        "pipelines.build_text_kc", "--dump", there / "xmlgz", "--output", there / "kc", "--workers", "1"
    )
    object_storage.faults.append(Fault("wait", key="data/kc/manifest.json", methods=("PUT",), seconds=20.0))
    with subprocess.Popen(
        again, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: object_storage.count("PUT", r"kc/\.work/build\.json"), process)
            said = run(*again, status=1)
        finally:
            process.kill()
    assert f"{there / 'kc'}: another build (process {process.pid} on" in said


def test_a_bucket_that_answers_no_more_ends_a_build_in_one_line(
    there: ObjectPath, object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KC_STORAGE_RETRY_SECONDS", "0.5")
    object_storage.faults.append(Fault("refuse", key="kc/(pages|sentences|paragraphs)/", methods=("PUT",)))
    said = run(
        *command(
            "pipelines.build_text_kc", "--dump", there / "xmlgz", "--output", there / "kc", "--workers", "1"
        ),
        status=1,
    )
    [error] = [line for line in said.splitlines() if line.startswith("error:")]
    assert f"{there / 'kc'}/" in error
    assert "the server answers 503 Service Unavailable (SlowDown" in error
    assert "Traceback" not in said


@pytest.mark.parametrize(("dump", "reason"), [
    ("none", "no such file or folder"),
    ("none/*.bz2", "no dump file matches"),
    ("kc", "is a text corpus that was built, not a dump"),
])  # fmt: skip
def test_what_is_no_dump_is_named(there: ObjectPath, dumps: Path, dump: str, reason: str) -> None:
    if dump == "kc":
        build(str(there / "xml"), there / "kc")
    said = run(
        *command("pipelines.build_text_kc", "--dump", f"{there}/{dump}", "--output", there / "x"), status=1
    )
    assert reason in said
    assert f"{there}/{dump}" in said
