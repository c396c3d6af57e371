"""The pipelines with all that they read and write in object storage: as on this machine, byte for byte."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from rich.console import Console

from kc_schema import export
from kc_schema import verify as verify_command
from kc_schema.snapshot import open_snapshot
from kc_schema.store import as_path
from kc_schema.verify import verify
from pipelines import (
    build_entities,
    build_image_kc,
    build_retrieval_cache,
    index_text,
    report,
    search,
    write_attribution,
)
from pipelines.engine import TIMINGS, Engine
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.fetching import archive
from pipelines.image_index.fetching.archive import DownloadArchive, compact
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.fetching.sources import Outcome
from pipelines.image_index.search import open_index
from pipelines.image_index.stages import build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions
from tests.pipelines.evidence.picture_corpus import SPEC, write_pictures_kc, write_posts
from tests.pipelines.image_index.encoders import write_random_clip
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.corpus_service import running_service
from tests.services.media_server import draw, encode_as, media_server
from tests.services.object_storage import Fault, ObjectStorage

pytestmark = [pytest.mark.torch, pytest.mark.service]

ROOT = Path(__file__).resolve().parents[2]
PROJECTION = "tests.pipelines.image_index.encoders:random_projection"
MEASURED = ("index.json", "report.json", "speed.json")
"""Files that hold times."""


def here(folder: Path) -> dict[str, bytes]:
    """Returns what a command has left on this machine."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return _compared({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


def there(storage: ObjectStorage, key: str) -> dict[str, bytes]:
    """Returns what it has left in the bucket."""
    return _compared(
        {name.removeprefix(f"{key}/"): content for name, content in storage.objects(f"{key}/").items()}
    )


def _compared(found: dict[str, bytes]) -> dict[str, bytes]:
    names = {name: Path(name) for name in found}
    return {
        name: b"" if path.name in MEASURED else found[name]
        for name, path in names.items()
        if ".work" not in path.parts and path.name not in (".lock", TIMINGS)
    }


@pytest.fixture(autouse=True)
def _writes_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty folder; what would take an address for a path of this machine fails there."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def mirror_of(folder: Path, count: int = 80) -> Path:
    """Writes images; some of them are the same, one is broken."""
    folder.mkdir()
    for number in range(count):
        content = encode_as(draw(number % 60, (40, 30)), "JPEG")
        (folder / f"Image_{number}.jpg").write_bytes(content if number != 7 else b"\xff\xd8\xff")
    return folder


def pages_of(count: int = 80) -> dict[str, list[str]]:
    return {f"Page {n}": [f"Image_{n}.jpg", f"Image_{n // 2}.jpg"] for n in range(count)}


def build_images(kc: Path | str, images: str, *, encoder: str = PROJECTION, workers: int = 1) -> None:
    build_image_corpus(
        open_snapshot(kc),
        fetching=FetchOptions(images=images),
        encoding=EncodeOptions(encoder=encoder, device="cpu", batch_size=8),
        indexing=IndexOptions(factory="IVF4,SQfp16", shards=2, min_recall=0.1),
        engine=Engine(workers),
        console=Console(file=io.StringIO()),
        images_per_part=32,
    )


def test_images_are_as_on_this_machine(object_storage: ObjectStorage, tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "mirror")
    local = write_snapshot(tmp_path / "local", pages_of())
    kc = object_storage.upload(local, "kc")
    build_images(local, str(mirror))
    build_images(kc, str(mirror))
    found = there(object_storage, "kc")
    assert len([name for name in found if name.startswith("images/embeddings/")]) > 1
    assert found == here(local)
    vectors = [[float(n % 5 - 2) for n in range(16)]]
    assert open_index(kc).search(vectors, 5) == open_index(local).search(vectors, 5)
    assert not verify(as_path(kc)).counts
    object_storage.reset()
    build_images(kc, str(mirror))
    written = {request.key for request in object_storage.requests if request.method == "PUT"}
    assert written <= {"kc/images/manifest.json", "kc/images/.lock"}


def test_mirror_and_weights_may_lie_in_object_storage(object_storage: ObjectStorage, tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "mirror", 12)
    (mirror / "Who?_(50%_+_1).jpg").write_bytes(encode_as(draw(1), "JPEG"))
    clip = write_random_clip(tmp_path / "clip")
    local = write_snapshot(tmp_path / "local", {**pages_of(12), "Who": ["Who?_(50%_+_1).jpg"]})
    kc = object_storage.upload(local, "kc")
    build_images(local, str(mirror), encoder=str(clip))
    build_images(
        kc, object_storage.upload(mirror, "mirror"), encoder=object_storage.upload(clip, "weights/clip")
    )
    own, found = here(local), there(object_storage, "kc")
    assert {name for name in own if own[name] != found[name]} <= {
        name for name in own if "records" in name or name == "images/manifest.json"
    }  # these say where each image is from
    assert b"s3://" in found["images/records/part-00000.parquet"]
    rows = pq.read_table(io.BytesIO(found["images/records/part-00000.parquet"])).to_pylist()
    assert {row["file"]: row["error"] for row in rows}["Who?_(50%_+_1).jpg"] == ""


def test_ready_sets_may_lie_in_object_storage(object_storage: ObjectStorage, tmp_path: Path) -> None:
    local = write_snapshot(tmp_path / "local", pages_of(12))
    kc = object_storage.upload(local, "kc")
    (tmp_path / "sets").mkdir()
    for number in range(2):
        names = [f"Image_{n}.jpg" for n in range(12) if n % 2 == number]
        images = [encode_as(draw(n), "JPEG") for n in range(len(names))]
        pq.write_table(
            pa.table({"file": names, "image": images}), tmp_path / "sets" / f"part-{number}.parquet"
        )
    build_images(local, str(tmp_path / "sets" / "part-*.parquet"))
    build_images(kc, object_storage.upload(tmp_path / "sets", "sets") + "/part-*.parquet")
    own, found = here(local), there(object_storage, "kc")
    assert "images/downloads/part-00000.tar" in own
    assert own.keys() == found.keys()
    assert {name for name in own if own[name] != found[name]} == {"images/manifest.json"}
    assert [row.key for row in open_index(kc).search([[1.0] * 16], 3)[0]] == [
        row.key for row in open_index(local).search([[1.0] * 16], 3)[0]
    ]


def outcome(number: int, size: int = 9000) -> Outcome:
    return Outcome(f"https://media/{number}", "", bytes([number]) * size, 1, 1, "image/png", "")


def test_an_archive_that_nobody_closed_is_continued(
    object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = as_path(object_storage.address("kc/images/downloads/part-00000.tar"))
    monkeypatch.setattr(archive, "_PIECE_SECONDS", 0.0)
    left = DownloadArchive(path)
    for number in range(3):
        left.add(number, outcome(number))
    assert not path.exists()
    with DownloadArchive(path) as again:  # the first is as if its process had been killed
        assert set(again.outcomes) == {0, 1, 2}
        again.add(3, outcome(3))
        again.sync()
        again.add(4, outcome(4))
    with DownloadArchive(path) as again:
        assert set(again.outcomes) == {0, 1, 2, 3, 4}
        again.sync()
    with DownloadArchive(tmp_path / "local.tar") as local:
        for number in range(5):
            local.add(number, outcome(number))
    assert object_storage.objects() == {
        "kc/images/downloads/part-00000.tar": (tmp_path / "local.tar").read_bytes()
    }
    assert compact(path, {1, 3})
    with DownloadArchive(path) as smaller:
        assert set(smaller.outcomes) == {1, 3}
    assert len(object_storage.objects()) == 1


def test_downloads_go_on_after_a_kill(object_storage: ObjectStorage, tmp_path: Path) -> None:
    local = write_snapshot(tmp_path / "local", {"Page": [f"Fine_{n}.jpg" for n in range(60)]})
    kc = object_storage.upload(local, "kc")
    command = "import sys; from pipelines.image_index.fetching import archive; archive._PIECE_SECONDS = 0.0;"
    command += "from pipelines.build_image_kc import main; sys.exit(main(sys.argv[1:]))"
    with media_server() as server:
        server.delay = 0.02
        given = ["--images", server.url, "--private-addresses", "--stage", "fetch", "--contact", "a@b.cd"]
        process = subprocess.Popen([sys.executable, "-c", command, "--kc", kc, *given], cwd=ROOT)
        object_storage.faults.append(
            Fault("wait", ("PUT",), r"\.work/downloads", skip=20, times=1, then=process.kill)
        )
        assert process.wait(300) == -signal.SIGKILL
        object_storage.faults.clear()
        before = set(server.requests)
        assert 15 < len(before) < 60
        server.requests.clear()
        assert build_image_kc.main(["--kc", kc, *given]) == 0
        assert len(before & set(server.requests)) <= 6  # what was on its way when it was killed
        assert build_image_kc.main(["--kc", str(local), *given]) == 0
    found = there(object_storage, "kc")
    assert found["images/records/part-00000.parquet"] == here(local)["images/records/part-00000.parquet"]
    assert not any("downloads" in name for name in object_storage.objects("kc/images/.work/"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with both indices, and posts with pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures_kc(folder / "kc")
    write_posts(folder / "posts")
    return folder


def cache_arguments(kc: str, posts: str, output: str) -> list[str]:
    return [
        *("--kc", kc, "--dataset", "conll", "--data", posts, "--images", f"{posts}/pictures"),
        *("--sources", "text,image,sentence_image,object,random_text,random_image", "--rerank-by-image"),
        *("--encoder", SPEC, "--device", "cpu", "--output", output),
    ]


def test_cache_is_as_on_this_machine(
    object_storage: ObjectStorage, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kc = object_storage.upload(pictures / "kc", "kc")
    posts = object_storage.upload(pictures / "posts", "posts")
    output = object_storage.address("caches/posts")
    local = tmp_path / "posts"
    own = cache_arguments(str(pictures / "kc"), str(pictures / "posts"), str(local))
    assert build_retrieval_cache.main(own) == 0
    assert build_retrieval_cache.main(cache_arguments(kc, posts, output)) == 0
    assert there(object_storage, "caches/posts") == here(local)
    assert verify_command.main([output]) == 0
    exported = object_storage.address("exported")
    for cache, folder in ((output, exported), (str(local), str(tmp_path / "exported"))):
        assert export.main(["--cache", cache, "--format", "adaseq", "--output", folder]) == 0
        assert report.main(["--cache", cache, "--output", f"{folder}.html"]) == 0
    assert there(object_storage, "exported") == here(tmp_path / "exported")
    assert "exported.html" in object_storage.objects()
    capsys.readouterr()
    assert build_retrieval_cache.main(cache_arguments(kc, posts, output)) == 0
    assert "the cache is there already" in capsys.readouterr().err
    damaged = "caches/posts/hits/text/test.parquet"
    content = bytearray(object_storage.objects()[damaged])
    content[len(content) // 2] ^= 1
    object_storage.client().put_object(Bucket=object_storage.bucket, Key=damaged, Body=bytes(content))
    assert verify_command.main([output]) == 1
    assert "hits/text/test.parquet is not the file that was written" in capsys.readouterr().out


def text_tables(kc: str) -> list[tuple[Callable[[list[str]], int], list[str]]]:
    """Returns what makes the text index, entities and attribution of a corpus."""
    return [
        (index_text.main, ["--kc", kc, "--workers", "1"]),
        (build_entities.main, ["--kc", kc, "--workers", "1"]),
        (write_attribution.main, ["--kc", kc]),
    ]


def test_index_entities_and_attribution_are_as_on_this_machine(
    object_storage: ObjectStorage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = write_entities_snapshot(tmp_path / "local")
    kc = object_storage.upload(local, "kc")
    for place in (str(local), kc):
        for main, arguments in text_tables(place):
            assert main(arguments) == 0
    assert there(object_storage, "kc") == here(local)
    assert verify_command.main([kc]) == 0
    capsys.readouterr()
    answers = []
    for place in (str(local), kc):
        assert search.main(["the rose garden", "--kc", place, "--json"]) == 0
        assert search.main(["--entity", "Rose", "--kc", place, "--json"]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] != ""


def write_entities_snapshot(folder: Path) -> Path:
    from tests.pipelines.text_index.snapshots import write_snapshot as write_text_snapshot

    pages = {
        "Rose": [["A <e: Rose> rose </e> is red ."], ["<e: Garden> Roses grow in gardens </e>."]],
        "Garden": [["A garden has <e: Rose> roses </e> and grass."], ["The rose garden is old."]],
    }
    return write_text_snapshot(folder, pages, parts=2)


@pytest.mark.parametrize("writes", [3, 16])
def test_killed_entities_go_on(object_storage: ObjectStorage, tmp_path: Path, writes: int) -> None:
    local = write_entities_snapshot(tmp_path / "local")
    kc = object_storage.upload(local, "kc")
    given = ["--kc", kc, "--workers", "2"]
    kill_at_write(object_storage, ["-m", "pipelines.build_entities", *given], writes)
    assert build_entities.main(["--kc", str(local), "--workers", "1"]) == 0
    assert build_entities.main(given) == 0
    assert there(object_storage, "kc") == here(local)


@pytest.mark.parametrize("writes", [4, 14])
def test_killed_images_go_on(object_storage: ObjectStorage, tmp_path: Path, writes: int) -> None:
    mirror = mirror_of(tmp_path / "mirror", 24)
    local = write_snapshot(tmp_path / "local", pages_of(24))
    kc = object_storage.upload(local, "kc")
    given = ["--images", str(mirror), "--encoder", PROJECTION, "--device", "cpu", "--batch-size", "8"]
    kill_at_write(object_storage, ["-m", "pipelines.build_image_kc", "--kc", kc, *given], writes)
    assert build_image_kc.main(["--kc", kc, *given]) == 0
    assert build_image_kc.main(["--kc", str(local), *given]) == 0
    assert there(object_storage, "kc") == here(local)


def test_killed_cache_goes_on(object_storage: ObjectStorage, pictures: Path, tmp_path: Path) -> None:
    kc = object_storage.upload(pictures / "kc", "kc")
    posts = object_storage.upload(pictures / "posts", "posts")
    given = cache_arguments(kc, posts, object_storage.address("cache"))
    kill_at_write(object_storage, ["-m", "pipelines.build_retrieval_cache", *given], 10)
    object_storage.reset()
    assert build_retrieval_cache.main(given) == 0
    own = cache_arguments(str(pictures / "kc"), str(pictures / "posts"), str(tmp_path / "local"))
    assert build_retrieval_cache.main(own) == 0
    assert there(object_storage, "cache") == here(tmp_path / "local")


def kill_at_write(storage: ObjectStorage, command: list[str], writes: int) -> None:
    """Runs a command and kills it, with its workers, when it writes so many objects; the last one never arrives."""
    fault = Fault("cut_request", ("PUT",), r"^(?!.*\.lock$)", skip=writes, times=1)
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, start_new_session=True)
    fault.then = lambda: os.killpg(process.pid, signal.SIGKILL)
    storage.faults.append(fault)
    assert process.wait(300) == -signal.SIGKILL, "it has ended before"
    storage.faults.clear()


def test_of_two_builders_one_is_refused_by_name(
    object_storage: ObjectStorage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kc = object_storage.upload(write_entities_snapshot(tmp_path / "local"), "kc")
    given = ["--kc", kc, "--workers", "1"]
    refused: list[int] = []
    object_storage.faults.append(
        Fault("wait", ("PUT",), "names/", times=1, then=lambda: refused.append(build_entities.main(given)))
    )
    process = subprocess.run(
        [sys.executable, "-m", "pipelines.build_entities", *given], cwd=ROOT, timeout=300, check=False
    )
    assert (process.returncode, refused) == (0, [1])
    said = capsys.readouterr().err
    assert f"{kc}: another build (process " in said
    assert "is writing there" in said


def test_corpus_is_served_and_looked_at(
    object_storage: ObjectStorage, pictures: Path, tmp_path: Path
) -> None:
    kc = object_storage.upload(pictures / "kc", "kc")
    posts = object_storage.upload(pictures / "posts", "posts")
    cache = object_storage.address("cache")
    assert build_retrieval_cache.main(cache_arguments(kc, posts, cache)) == 0
    with running_service("--kc", kc) as service:
        reply = service.get("/search?q=red%20rose&k=1")
        assert reply.json["results"][0][0]["title"] == "Rose"
    page = tmp_path / "report.html"
    assert report.main(["--kc", kc, "--output", str(page)]) == 0
    assert "Rose" in page.read_text()
    with running_service(
        "--kc", kc, "--cache", cache, "--images", f"{posts}/pictures", module="pipelines.explore"
    ) as explorer:
        assert "Rose" in explorer.get("/article/Rose").body.decode()
        assert "Garden" in explorer.get("/examples").body.decode()
