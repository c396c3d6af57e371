"""The plan of an image corpus: files counted, a sample had and encoded, nothing written."""

import json

import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from kc_schema.snapshot import open_snapshot
from pipelines.build_image_kc import main
from pipelines.forecast.images import count_files
from pipelines.image_index.fetching.fetch import FetchOptions
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as, media_server

pytestmark = pytest.mark.torch
ENCODER = "tests.pipelines.image_index.encoders:random_projection"


def plan(capsys, kc, images, *options):
    before = sorted(kc.rglob("*"))
    given = [
        "--kc",
        str(kc),
        "--images",
        str(images),
        "--encoder",
        ENCODER,
        "--device",
        "cpu",
        "--workers",
        "2",
    ]
    assert main([*given, "--plan", "--json", *options]) == 0
    assert sorted(kc.rglob("*")) == before
    return json.loads(capsys.readouterr().out)


def test_a_folder_is_measured_and_nothing_is_written(tmp_path, capsys):
    shown = [f"Image_{n}.jpg" for n in range(100)]
    kc = write_snapshot(
        tmp_path / "kc", {f"Page {n}": [shown[n], shown[n // 2], "Song.ogg"] for n in range(100)}
    )
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    content = encode_as(draw(1), "JPEG")
    for number in range(0, 100, 2):  # every second one is there
        (mirror / shown[number]).write_bytes(content)
    assert sorted(count_files(open_snapshot(kc), FetchOptions().types)) == sorted(shown)
    found = plan(capsys, kc, mirror)
    assert (found["files"], found["parts"], found["sample"]) == (100, 1, 32)
    assert found["images"]["low"] <= 50 <= found["images"]["high"] <= 100
    assert found["network_seconds"]["value"] == found["disk_bytes"]["downloads"]["value"] == 0
    assert found["gpu_seconds"] is None
    assert found["index"] == "Flat"
    for name in ("decode_seconds", "encode_seconds", "wall_seconds"):
        assert 0 < found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["disk_bytes"]["embeddings"]["value"] > 0
    assert plan(capsys, kc, mirror, "--limit", "7")["files"] == 7
    assert (
        main(["--kc", str(kc), "--images", str(mirror), "--encoder", ENCODER, "--device", "cpu", "--plan"])
        == 0
    )
    assert "network, within the limits given" in capsys.readouterr().out


def test_a_server_is_asked_for_a_sample_alone(tmp_path, capsys):
    kc = write_snapshot(tmp_path / "kc", {f"Page {n}": [f"Fine_{n}.jpg"] for n in range(200)})
    with media_server() as server:
        found = plan(capsys, kc, server.url, "--private-addresses", "--connections", "1")
        asked = len(server.requests)
    assert found["sample"] == 32
    assert 32 <= asked <= 64
    assert found["images"]["value"] == 200
    size = found["disk_bytes"]["downloads"]["value"]
    assert (
        found["network_seconds"]["value"] >= 8 * size / 25e6 > 0
    )  # the bandwidth that is allowed by default


def test_a_sample_of_which_nothing_is_there_is_one_line(tmp_path, capsys):
    kc = write_snapshot(tmp_path / "kc", {"Page": ["Image.jpg"]})
    (tmp_path / "mirror").mkdir()
    given = ["--kc", str(kc), "--images", str(tmp_path / "mirror"), "--encoder", ENCODER, "--device", "cpu"]
    assert main([*given, "--plan"]) == 1
    error = capsys.readouterr().err
    assert "none of a sample of 1 files could be had (not in the folder)" in error
    assert error.count("\n") == 1


def test_a_ready_set_of_images_is_refused(tmp_path, capsys):
    kc = write_snapshot(tmp_path / "kc", {"Page": ["Image.jpg"]})
    assert main(["--kc", str(kc), "--images", "set.parquet", "--encoder", ENCODER, "--plan"]) == 1
    assert "--plan does not measure ready sets" in capsys.readouterr().err
