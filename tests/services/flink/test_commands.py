"""Every other pipeline on a real Flink cluster: what it leaves is, byte for byte, what a local run leaves."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from rich.console import Console

from kc_schema.snapshot import open_snapshot
from kc_schema.verify import verify
from pipelines import build_retrieval_cache, refresh
from pipelines.engine import Engine
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.stages import STAGES, build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions
from pipelines.text_index.connection import Connection
from pipelines.text_index.load import load_snapshot
from tests.corpus_builder import files
from tests.dump_writer import DumpPage, write_dump
from tests.pipelines.evidence.picture_corpus import SPEC, write_pictures_kc, write_posts
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.pipelines.text_index.snapshots import write_snapshot as write_text_snapshot
from tests.services.elasticsearch import conftest as elasticsearch
from tests.services.elasticsearch.node import Node
from tests.services.elasticsearch.test_load import MANY, assert_holds
from tests.services.flink.cluster import FlinkCluster
from tests.services.media_server import draw, encode_as

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.torch, pytest.mark.xdist_group("flink")]

PROJECTION = "tests.pipelines.image_index.encoders:random_projection"
MEASURED = ("index.json", "report.json", "speed.json")
"""Files that hold times."""


@pytest.fixture
def options(cluster: FlinkCluster) -> list[str]:
    """Python workers stay for the next pipeline: nobody is killed here."""
    return [*cluster.options(), "--environment_cache_millis=60000"]


def tables(folder: Path) -> dict[str, bytes]:
    return {
        path: content
        for path, content in files(folder).items()
        if Path(path).name not in MEASURED and ".work" not in path
    }


def images_of(kc: Path, mirror: Path, engine: Engine, *, stages: Sequence[str] = STAGES) -> None:
    build_image_corpus(
        open_snapshot(kc),
        stages=stages,
        fetching=FetchOptions(images=str(mirror)),
        encoding=EncodeOptions(encoder=PROJECTION, device="cpu", batch_size=8),
        indexing=IndexOptions(factory="IVF4,SQfp16", shards=2, min_recall=0.1),
        engine=engine,
        console=Console(file=io.StringIO()),
        images_per_part=32,
    )


def test_images_are_fetched_encoded_and_indexed(options: list[str], tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    pages = {f"Page {n}": [f"Image_{n}.jpg", f"Image_{n // 2}.jpg"] for n in range(160)}
    for number in range(160):
        content = encode_as(draw(number % 120, (40, 30)), "JPEG")  # some stand in several parts
        (mirror / f"Image_{number}.jpg").write_bytes(content if number != 7 else b"\xff\xd8\xff")
    local, there = (write_snapshot(tmp_path / name, pages) for name in ("local", "there"))
    with Engine(1) as engine:
        images_of(local, mirror, engine)
    with Engine(1, options) as engine:
        images_of(there, mirror, engine)
    found = tables(there / "images")
    assert "index.faiss" in found
    assert len([name for name in found if name.startswith("embeddings/")]) > 2
    assert found == tables(local / "images")


def test_evidence_is_found(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kc = write_pictures_kc(tmp_path / "kc")
    data = write_posts(tmp_path / "posts")
    monkeypatch.chdir(tmp_path)  # relative paths mean the same on a worker
    given = ["--kc", kc.name, "--dataset", "conll", "--data", data.name, "--images", f"{data.name}/pictures"]
    given += ["--sources", "text,image,sentence_image,object,random_text,random_image", "--rerank-by-image"]
    given += ["--encoder", SPEC, "--device", "cpu"]
    assert build_retrieval_cache.main([*given, "--output", "local"]) == 0
    assert build_retrieval_cache.main([*given, "--output", "there", *options]) == 0
    assert tables(tmp_path / "there") == tables(tmp_path / "local")


def test_a_corpus_is_refreshed(options: list[str], tmp_path: Path) -> None:
    def page(number: int, words: str = "was there") -> DumpPage:
        text = f"'''Page {number}''' {words} for a long time. It went on with [[Page {number + 1}]]."
        return DumpPage(f"Page {number}", text, number, revision_id=len(words))

    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", [page(n) for n in range(1, 60)])
    changed = [page(n, "was there" if n % 3 else "has been there") for n in range(5, 70)]
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", changed)
    local, there = tmp_path / "local", tmp_path / "there"
    given = ["--text-index", "none", "--workers", "1", "--most-loss", "90%"]
    assert refresh.main(["--root", str(local), "--dump", str(old), *given]) == 0
    shutil.copytree(local, there, symlinks=True)
    assert refresh.main(["--root", str(local), "--dump", str(new), *given]) == 0
    assert refresh.main(["--root", str(there), "--dump", str(new), *given, *options]) == 0
    assert (there / "current").resolve().name == (local / "current").resolve().name
    assert files((there / "current").resolve()) == files((local / "current").resolve())
    assert not verify((there / "current").resolve()).counts


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node of Elasticsearch."""
    running = elasticsearch.start(Node(elasticsearch.OLDER, tmp_path / "data"))
    yield running
    running.kill()


def test_a_snapshot_is_loaded_into_elasticsearch(options: list[str], node: Node, tmp_path: Path) -> None:
    kc = write_text_snapshot(tmp_path / "kc", MANY, parts=4, rows_per_group=50)
    with Engine(1, options) as engine:
        done = load_snapshot(kc, Connection(node.url), engine, prefix="there", request_bytes=4000)
        assert done.loaded == 1260
        again = load_snapshot(kc, Connection(node.url), engine, prefix="there", request_bytes=4000)
        assert again.loaded == 0
    assert_holds(kc, node.url, "there")
