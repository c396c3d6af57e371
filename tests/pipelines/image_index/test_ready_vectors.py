"""Vectors made elsewhere fill the corpus without a download and without encoding; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from kc_schema.image_manifest import ImageManifest, read_image_manifest, write_image_manifest
from kc_schema.image_tables import image_id
from kc_schema.store import checksum
from pipelines.build_image_kc import main
from pipelines.image_index import open_index
from pipelines.image_index.encoding.encoder import open_encoder
from pipelines.image_index.layout import Layout
from tests.killed_process import killed_when, run_to_its_end
from tests.pipelines.image_index.corpora import SOURCE
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as

pytestmark = pytest.mark.torch

PROJECTION = "tests.pipelines.image_index.encoders:random_projection"
MEDIA = "https://upload.wikimedia.org/wikipedia"
FILES = [f"F {n}.jpg".replace(" ", "_") for n in range(12)]
STATED = {"name": "CLIP of a friend", "weights_sha256": "ab" * 32}
NOWHERE = ("--images", "none", "--encoder", "none")
Vectors = npt.NDArray[np.float32]


@pytest.fixture
def kc(tmp_path: Path) -> Path:
    return prepared(tmp_path / "kc")


def prepared(kc: Path, files: Sequence[str] = FILES, part_bits: int = 2) -> Path:
    write_snapshot(kc, {f"Page {n}": [file] for n, file in enumerate(files)})
    (kc / "images").mkdir()
    write_image_manifest(kc, ImageManifest(snapshot="", source=SOURCE, part_bits=part_bits, tables={}))
    return kc


def made(n: int, width: int = 16, seed: int = 5) -> Vectors:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def write_table(
    path: Path, names: Sequence[object], vectors: Vectors, *, column: str = "file", says: dict[str, str] = STATED,
    **more: Sequence[object],
) -> Path:  # fmt: skip
    lists = pa.array(
        [None if row is None else list(map(float, row)) for row in vectors], pa.list_(pa.float32())
    )
    table = pa.table(
        {column: pa.array(names), "embedding": lists, **{k: pa.array(v) for k, v in more.items()}}
    )
    pq.write_table(table.replace_schema_metadata(says), path, row_group_size=5)
    return path


def build(kc: Path, embeddings: object, *options: str) -> int:
    """Build the whole image corpus."""
    return main(["--kc", str(kc), "--embeddings", str(embeddings), "--workers", "1", *options])


def fill(kc: Path, embeddings: object, *options: str) -> int:
    """Build the image corpus up to its vectors, in two commands; without an index, which takes longest."""
    where = ["--kc", str(kc), "--workers", "1"]
    stated = without(options, "--embeddings-encoder", "--embeddings-sha256")
    fetched = ["--embeddings", str(embeddings), *options] if embeddings else without(options, "--encoder")
    return main([*where, *fetched, "--stage", "fetch"]) or main([*where, *stated, "--stage", "encode"])


def without(options: Sequence[str], *names: str) -> list[str]:
    """Leave out options with their values: a stage refuses those that it has no use for."""
    left_out = {place + after for place, word in enumerate(options) if word in names for after in (0, 1)}
    return [word for place, word in enumerate(options) if place not in left_out]


def embedded(kc: Path) -> dict[int, dict[str, Any]]:
    layout = Layout(kc)
    rows = [row for n in range(4) for row in pq.read_table(layout.part("embeddings", n)).to_pylist()]
    return {row["image_id"]: row for row in rows}


def recorded(kc: Path) -> dict[str, dict[str, Any]]:
    layout = Layout(kc)
    return {
        row["file"]: row for n in range(4) for row in pq.read_table(layout.part("records", n)).to_pylist()
    }


def test_without_a_download_and_without_an_encoder_images_are_found(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = made(9) * 3
    names: list[object] = [*FILES[:7], "Elsewhere.jpg", FILES[2]]
    path = write_table(tmp_path / "v.parquet", names, vectors)
    assert build(kc, path, *NOWHERE) == 0
    printed = capsys.readouterr().out
    rows = embedded(kc)
    assert set(rows) == {image_id(file) for file in FILES[:7]}
    third = rows[image_id(FILES[2])]
    assert np.allclose(third["vector"], vectors[2] / np.linalg.norm(vectors[2]), atol=1e-3), (
        "the first counts"
    )
    assert third["norm"] == pytest.approx(np.linalg.norm(vectors[2]), rel=1e-5)
    assert third["sha256"] == ""
    states = {file: (row["status"], row["error"]) for file, row in recorded(kc).items()}
    assert states[FILES[0]] == ("vector", "")
    assert states[FILES[11]] == ("failed", "not asked for")
    manifest = read_image_manifest(kc)
    assert manifest.encoder is not None
    assert (manifest.encoder.name, manifest.encoder.weights_sha256) == (STATED["name"], "ab" * 32)
    assert manifest.counts["files with a given vector"] == 7
    assert manifest.counts["files without a given vector"] == 5
    assert manifest.counts["images encoded"] == 7
    assert manifest.drops["images"] == {"not asked for": 5}
    assert manifest.drops["given vectors"] == {"given twice": 1, "of no file of the corpus": 1}
    assert "files without a given vector" in printed
    (hits,) = open_index(kc).search(vectors[3:4], 1)
    assert (hits[0].key, hits[0].title) == (FILES[3], "Page 3")
    assert not list(Layout(kc).work.glob("ready/*")), "what stands in the table is not kept twice"
    before = checksum(Layout(kc).part("embeddings", 1))
    assert build(kc, path, *NOWHERE) == 0
    assert main(["--kc", str(kc), *NOWHERE]) == 0, "and they stay when they are not given again"
    assert checksum(Layout(kc).part("embeddings", 1)) == before
    assert read_image_manifest(kc) == manifest


def test_what_has_no_vector_is_fetched_and_encoded(kc: Path, tmp_path: Path) -> None:
    """By the encoder that made the others; of images that are at hand the vectors count all the same."""
    encoder = open_encoder(PROJECTION, device="cpu")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in (5, 6, 8, 9, 10, 11):
        (folder / FILES[n]).write_bytes(encode_as(draw(n), "JPEG"))
    vectors = made(8)
    urls = [f"{MEDIA}/commons/thumb/2/2a/{file}/300px-{file}" for file in FILES[:7]]
    urls.append(f"{MEDIA}/en/1/1a/{FILES[7]}")
    says = {"name": PROJECTION, "weights_sha256": encoder.weights_sha256, "vectors": "8", "dimension": "16"}
    path = write_table(tmp_path / "v.parquet", urls, vectors, column="image_url", says=says)
    options = ("--images", str(folder), "--encoder", PROJECTION)
    assert fill(kc, path, *options) == 0
    rows, files = embedded(kc), recorded(kc)
    assert set(rows) == {image_id(file) for n, file in enumerate(FILES) if n != 7}, (
        "it lies in the wiki's own"
    )
    assert files[FILES[7]]["error"] == "not in the shared repository"
    assert files[FILES[0]]["url"] == urls[0]
    assert files[FILES[6]]["status"] == "vector"
    direct = encoder.encode_images([draw(9)])[0]
    assert np.asarray(rows[image_id(FILES[9])]["vector"], np.float32) @ direct / np.linalg.norm(direct) > 0.99
    assert read_image_manifest(kc).encoder == encoder.describe()
    # The same in two steps: first only vectors, later the encoder for what they lack.
    other = prepared(tmp_path / "other")
    assert fill(other, path, *NOWHERE) == 0
    assert len(embedded(other)) == 7
    assert fill(other, "", *options, "--retry-failed") == 0
    assert embedded(other).keys() == rows.keys()
    assert all(embedded(other)[image]["vector"] == rows[image]["vector"] for image in rows)


def test_images_that_were_had_take_their_vectors_only_if_the_bytes_are_the_same(
    kc: Path, tmp_path: Path
) -> None:
    encoder = open_encoder(PROJECTION, device="cpu")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, file in enumerate(FILES):
        (folder / file).write_bytes(encode_as(draw(n), "JPEG"))
    options = ("--images", str(folder), "--encoder", PROJECTION)
    fetched = without(options, "--encoder")
    assert main(["--kc", str(kc), *fetched, "--stage", "fetch", "--workers", "1"]) == 0
    says = {"name": PROJECTION, "weights_sha256": encoder.weights_sha256}
    sums = [checksum(folder / FILES[0]), "0" * 64, ""]
    vectors = made(3)
    path = write_table(tmp_path / "v.parquet", FILES[:3], vectors, says=says, sha256=sums)
    assert fill(kc, path, *options) == 0
    rows = embedded(kc)
    same = [
        bool(
            np.allclose(
                rows[image_id(FILES[n])]["vector"], vectors[n] / np.linalg.norm(vectors[n]), atol=1e-3
            )
        )
        for n in range(3)
    ]
    assert same == [True, False, True]
    assert len(rows) == 12
    assert all(row["status"] == "ok" for row in recorded(kc).values())


def test_images_that_are_not_encoded_are_counted_until_there_is_an_encoder(kc: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(6):
        (folder / FILES[n]).write_bytes(encode_as(draw(n), "JPEG"))
    encoder = open_encoder(PROJECTION, device="cpu")
    says = {"name": PROJECTION, "weights_sha256": encoder.weights_sha256}
    path = write_table(tmp_path / "v.parquet", FILES[4:8], made(4), says=says)
    assert fill(kc, path, "--images", str(folder), "--encoder", "none") == 0
    manifest = read_image_manifest(kc)
    assert manifest.drops["encoded images"] == {"not encoded (--encoder none)": 4}
    assert manifest.counts["images encoded"] == 4
    assert fill(kc, "", "--images", str(folder), "--encoder", PROJECTION) == 0
    assert read_image_manifest(kc).drops["encoded images"] == {}
    assert len(embedded(kc)) == 8


def test_arrays_with_names_beside_them_and_parts_of_another_corpus_are_taken(
    kc: Path, tmp_path: Path
) -> None:
    vectors = made(12)
    stated = ("--embeddings-encoder", "x", "--embeddings-sha256", "CD" * 32)
    for start in (0, 6):
        np.save(tmp_path / f"a{start}.npy", vectors[start : start + 6].astype(np.float16))
        names = FILES[start : start + 6]
        if start:
            write_table(tmp_path / f"a{start}.parquet", names, made(6), says={})
        else:
            (tmp_path / f"a{start}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert fill(kc, tmp_path / "a*", *NOWHERE, *stated) == 0
    assert len(embedded(kc)) == 12
    other = prepared(tmp_path / "other")
    assert fill(other, kc / "images" / "embeddings" / "*.parquet", *NOWHERE) == 0
    assert embedded(other) == embedded(kc)
    assert read_image_manifest(other).encoder == read_image_manifest(kc).encoder


def test_another_encoder_replaces_given_vectors_only_when_it_is_told_to(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fill(kc, write_table(tmp_path / "v.parquet", FILES, made(12)), *NOWHERE) == 0
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, file in enumerate(FILES):
        (folder / file).write_bytes(encode_as(draw(n), "JPEG"))
    options = ["--kc", str(kc), "--images", str(folder), "--encoder", PROJECTION, "--device", "cpu"]
    assert main(options) == 1
    assert "give the encoder that made them, or --encoder none" in capsys.readouterr().err
    assert main([*options, "--overwrite"]) == 0
    assert {row["status"] for row in recorded(kc).values()} == {"ok"}
    assert all(row["sha256"] for row in embedded(kc).values())
    other = write_table(tmp_path / "w.parquet", FILES, made(12, 8))
    assert fill(kc, other, *NOWHERE) == 1
    assert "holds embeddings of another encoder" in capsys.readouterr().err


def write_array(folder: Path, vectors: npt.NDArray[Any], names: Sequence[str] | None) -> Path:
    np.save(folder / "v.npy", vectors)
    if names is not None:
        (folder / "v.txt").write_text("\n".join(names), encoding="utf-8")
    return folder / "v.npy"


def with_nan() -> Vectors:
    vectors = made(3)
    vectors[1, 4] = np.nan
    return vectors


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: f / "nowhere.parquet", "no such file"),
        (lambda f: write_table(f / "v.parquet", FILES[:3], made(3), says={}), "give --embeddings-encoder"),
        (
            lambda f: write_table(f / "v.parquet", FILES[:3], made(3), says={"name": "x"}),
            "give --embeddings-sha256",
        ),
        (
            lambda f: write_table(
                f / "v.parquet", FILES[:3], made(3), says={"name": "x", "weights_sha256": "12"}
            ),
            "give 64 hexadecimal digits",
        ),
        (lambda f: write_table(f / "v.parquet", FILES[:3], with_nan()), "row 1: a number that is not finite"),
        (
            lambda f: write_table(f / "v.parquet", FILES[:3], [*made(2), made(1, 8)[0]]),  # type: ignore[arg-type]
            "row 2: a vector of 8 numbers, the others have 16",
        ),
        (
            lambda f: write_table(f / "v.parquet", FILES[:3], made(3), says={**STATED, "vectors": "4"}),
            "says vectors 4 of itself and has 3",
        ),
        (
            lambda f: write_table(f / "v.parquet", FILES[:3], made(3), says={**STATED, "dimension": "512"}),
            "says dimension 512 of itself and has 16",
        ),
        (lambda f: write_table(f / "v.parquet", [1.5, 2.5, 3.5], made(3)), "has no column of names"),
        (
            lambda f: write_table(f / "v.parquet", ["X.jpg"], made(1)),
            "none of its 1 vectors is of a file of this",
        ),
        (lambda f: write_array(f, made(3), None), "whose vectors are these"),
        (lambda f: write_array(f, made(3), FILES[:2]), "has 3 vectors, and v.txt 2 names"),
        (lambda f: write_array(f, np.arange(3), FILES[:3]), "expected floats, a row a vector"),
        (lambda f: write_array(f, np.array([{"a": 1}]), FILES[:1]), "is no array that can be read"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(
    kc: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[[Path], Path],
    message: str,
) -> None:
    path = write(tmp_path)
    stated = ("--embeddings-encoder", "x", "--embeddings-sha256", "ab" * 32) if path.suffix == ".npy" else ()
    assert build(kc, path, *NOWHERE, *stated) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1 or "Traceback" not in error
    assert not Layout(kc).part("embeddings", 0).exists()


def test_files_that_disagree_and_stages_without_fetching_are_refused(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_table(tmp_path / "v0.parquet", FILES[:3], made(3))
    write_table(tmp_path / "v1.parquet", FILES[3:6], made(3, 8))
    assert build(kc, tmp_path / "v?.parquet", *NOWHERE) == 1
    assert "vectors of 16 numbers in v0.parquet, of 8 in v1.parquet" in capsys.readouterr().err
    write_table(tmp_path / "v1.parquet", FILES[3:6], made(3), says={**STATED, "weights_sha256": "cd" * 32})
    assert build(kc, tmp_path / "v?.parquet", *NOWHERE) == 1
    assert "vectors of two encoders are never mixed" in capsys.readouterr().err
    assert build(kc, one, *NOWHERE, "--stage", "encode") == 2
    assert "without --stage, or with --stage fetch" in capsys.readouterr().err
    assert build(kc, one, *NOWHERE, "--plan") == 2
    assert main(["--kc", str(kc), *NOWHERE, "--embeddings-encoder", "x"]) == 2
    assert "give it, too" in capsys.readouterr().err
    assert main(["--kc", str(kc), *NOWHERE]) == 1
    assert "give --embeddings FILE" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    files = [f"F{n}.jpg" for n in range(6000)]
    order = np.random.default_rng(3).permutation(6000)
    vectors = made(6000)
    lists = pa.array([row.tolist() for row in vectors[order]], pa.list_(pa.float32()))
    table = pa.table({"file": [files[n] for n in order], "vector": lists}).replace_schema_metadata(STATED)
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=500)
    trees = [prepared(tmp_path / name, files, part_bits=4) for name in ("killed", "undisturbed", "two")]
    index = ("--index", "Flat")

    def command(kc: Path, workers: int = 1) -> list[str]:
        options = ["--kc", str(kc), "--embeddings", str(tmp_path / "v.parquet"), "--workers", str(workers)]
        return ["pipelines.build_image_kc", *options, *NOWHERE, *index]

    moments = (
        ".work/ready/runs/*",
        ".work/ready/part-*",
        "records/part-0000[4-9]*",
        "embeddings/part-0000[4-9]*",
    )
    images = trees[0] / "images"
    kills = sum(killed_when(command(trees[0]), lambda m=moment: any(images.glob(m))) for moment in moments)
    assert kills >= 2
    for kc, workers in zip(trees, (1, 1, 2), strict=True):
        run_to_its_end(command(kc, workers))
    killed, undisturbed, by_two = (contents(kc) for kc in trees)
    assert killed == undisturbed
    assert by_two == undisturbed
    assert len(undisturbed) == 3 * 16 + 2


def contents(kc: Path) -> dict[str, str]:
    images = kc / "images"
    # The index says how fast it is, so it is another one each time.
    files = [path for path in images.rglob("*") if path.is_file() and path.name != "index.json"]
    kept = [path for path in files if ".work" not in path.parts]
    return {path.relative_to(images).as_posix(): checksum(path) for path in sorted(kept)}
