"""A Flink cluster whose workers share nothing but a bucket: each has a folder and local copies of its own."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from rich.console import Console

from kc_schema.snapshot import open_snapshot
from kc_schema.store import as_path
from kc_schema.verify import verify
from pipelines import build_text_kc, refresh
from pipelines.engine import TIMINGS, Engine
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.stages import build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions
from pipelines.text_corpus.reuse import count_reused
from tests.corpus_builder import files
from tests.dump_writer import DumpPage, write_dump
from tests.services.flink.cluster import FlinkCluster
from tests.services.media_server import draw, encode_as
from tests.services.object_storage import ObjectStorage

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.torch, pytest.mark.xdist_group("flink")]

PROJECTION = "tests.pipelines.image_index.encoders:random_projection"


def apart(options: list[str], folder: Path) -> list[str]:
    """Returns a cluster's options with a worker that begins in an empty folder, its local copies in it."""
    name = "--environment_config="
    config = json.loads(next(one for one in options if one.startswith(name)).removeprefix(name))
    folder.mkdir()
    launcher = folder / "worker"
    launcher.write_text(
        f'#!/bin/sh\nown=$(mktemp -d -p {shlex.quote(str(folder))})\ncd "$own"\n'
        f'export KC_STORAGE_CACHE="$own/copies"\nexec {shlex.quote(config["command"])} "$@"\n'
    )
    launcher.chmod(0o755)
    config["command"] = str(launcher)
    return [*(one for one in options if not one.startswith(name)), f"{name}{json.dumps(config)}"]


def build_images(kc: Path | str, mirror: str, engine: Engine) -> None:
    build_image_corpus(
        open_snapshot(kc),
        fetching=FetchOptions(images=mirror),
        encoding=EncodeOptions(encoder=PROJECTION, device="cpu", batch_size=8),
        indexing=IndexOptions(factory="IVF4,SQfp16", shards=2, min_recall=0.1),
        engine=engine,
        console=Console(file=io.StringIO()),
        images_per_part=8,
    )


def test_workers_share_nothing_but_the_bucket(
    cluster: FlinkCluster, object_storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "driver").mkdir()
    monkeypatch.chdir(tmp_path / "driver")
    pages = [
        DumpPage(f"Page {n}", f"[[File:Image_{n}.jpg|thumb|Seen]]\n'''Page {n}''' leads to [[Page {n + 1}]].")
        for n in range(40)
    ]
    (tmp_path / "dump").mkdir()
    write_dump(tmp_path / "dump" / "testwiki-20260101-pages-articles.xml.bz2", pages)
    (tmp_path / "mirror").mkdir()
    for number in range(40):
        (tmp_path / "mirror" / f"Image_{number}.jpg").write_bytes(
            encode_as(draw(number % 30, (40, 30)), "JPEG")
        )
    dump, mirror = (object_storage.upload(tmp_path / name, name) for name in ("dump", "mirror"))
    kc, local = object_storage.address("kc"), tmp_path / "kc"
    there = apart(cluster.options(**object_storage.environment), tmp_path / "workers")
    given = ["--text-index", "none"]
    assert build_text_kc.main(["--dump", str(tmp_path / "dump"), "--output", str(local), *given]) == 0
    assert build_text_kc.main(["--dump", dump, "--output", kc, *given, *there]) == 0
    with Engine(1) as engine:
        build_images(local, mirror, engine)
    with Engine(1, there) as engine:
        build_images(kc, mirror, engine)
    own = {str(path.relative_to(local)): path.read_bytes() for path in local.rglob("*") if path.is_file()}
    found = {name.removeprefix("kc/"): content for name, content in object_storage.objects("kc/").items()}
    measured = ("index.json", TIMINGS)
    tables = {name for name in own if ".work" not in name and not name.endswith(measured)}
    assert {name: own[name] for name in tables} == {name: found.get(name) for name in tables}
    assert not verify(as_path(kc)).counts
    assert len(list((tmp_path / "workers").glob("tmp.*"))) > 1
    assert not list((tmp_path / "driver").iterdir())


def test_a_root_in_the_bucket_is_refreshed(
    cluster: FlinkCluster, object_storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "driver").mkdir()
    monkeypatch.chdir(tmp_path / "driver")

    def page(number: int, words: str = "was there") -> DumpPage:
        text = f"'''Page {number}''' {words} for a long time. It went on with [[Page {number + 1}]]."
        return DumpPage(f"Page {number}", text, number, revision_id=len(words))

    changed = [page(n, "was there" if n % 3 else "has been there") for n in range(5, 70)]
    local, there = tmp_path / "local", as_path(object_storage.address("root"))
    apart_options = apart(cluster.options(**object_storage.environment), tmp_path / "workers")
    for day, pages in (("20260101", [page(n) for n in range(1, 60)]), ("20260201", changed)):
        (tmp_path / day).mkdir()
        write_dump(tmp_path / day / f"testwiki-{day}-pages-articles.xml.bz2", pages)
        dump = object_storage.upload(tmp_path / day, day)
        given = ["--workers", "1", "--most-loss", "90%"]
        assert refresh.main(["--root", str(local), "--dump", str(tmp_path / day), *given]) == 0
        assert refresh.main(["--root", str(there), "--dump", dump, *given, *apart_options]) == 0
        found, own = files(there / "current"), files((local / "current").resolve())
        assert {name: found.get(name) for name in own if name != ".lock"} == own
    assert not verify(there / "current").counts
    assert count_reused(there / "current") == 37
    assert len(list((tmp_path / "workers").iterdir())) > 2
    assert not list((tmp_path / "driver").iterdir())
