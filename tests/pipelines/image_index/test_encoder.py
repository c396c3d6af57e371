"""Encoders: specifications, devices, towers, and errors that say what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("open_clip")

from PIL import Image

from pipelines.image_index.encoding.encoder import open_encoder
from pipelines.image_index.errors import EncoderError
from tests.pipelines.image_index.encoders import write_random_clip
from tests.services.media_server import draw

pytestmark = pytest.mark.torch

EFFICIENTNET = "tests.pipelines.image_index.encoders:efficientnet"
PROJECTION = "tests.pipelines.image_index.encoders:random_projection"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


def test_a_folder_in_open_clips_layout_is_an_encoder(clip: Path) -> None:
    encoder = open_encoder(str(clip), device="cpu")
    assert (encoder.name, encoder.dimension, encoder.side) == ("tiny-clip", 32, 64)
    assert len(encoder.weights_sha256) == 64
    assert encoder.device_name == "cpu, float32"
    images = [draw(1), draw(2).convert("L"), draw(3).convert("P"), Image.new("RGBA", (3, 700))]
    vectors = encoder.encode_images(images)
    assert vectors.shape == (4, 32)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert encoder.has_text_tower
    texts = encoder.encode_texts(["a cat", "a dog " * 100])
    assert texts.shape == (2, 32)
    assert encoder.encode_images([]).shape == (0, 32)


def test_pixels_are_normalised_as_open_clip_does_it(clip: Path) -> None:
    import open_clip
    import torch

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{clip}")
    images = [draw(seed, (300, 200)) for seed in range(5)]
    with torch.inference_mode():
        expected = model.eval().encode_image(torch.stack([preprocess(image) for image in images])).numpy()
    assert np.allclose(open_encoder(str(clip)).encode_images(images), expected, atol=1e-5)


def test_half_precision_gives_nearly_the_same_vectors(clip: Path) -> None:
    images = [draw(seed) for seed in range(3)]
    whole = open_encoder(str(clip), device="cpu").encode_images(images)
    half = open_encoder(str(clip), device="cpu", precision="bfloat16").encode_images(images)
    cosines = (whole * half).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
    assert not np.array_equal(whole, half)
    assert (cosines > 0.99).all()


def test_the_fingerprint_tells_weights_and_preprocessing_apart(clip: Path, tmp_path: Path) -> None:
    encoder = open_encoder(str(clip))
    moved = Path(shutil.copytree(clip, tmp_path / "elsewhere"))
    assert open_encoder(str(moved)).fingerprint == encoder.fingerprint
    other = open_encoder(str(write_random_clip(tmp_path / "other", seed=1)))
    assert other.weights_sha256 != encoder.weights_sha256
    config = (moved / "open_clip_config.json").read_text()
    (moved / "open_clip_config.json").write_text(
        config.replace('"preprocess_cfg": {}', '"preprocess_cfg": {"resize_mode": "squash"}')
    )
    squashed = open_encoder(str(moved))
    assert squashed.weights_sha256 == encoder.weights_sha256
    assert squashed.fingerprint != encoder.fingerprint


def test_a_function_gives_any_network() -> None:
    encoder = open_encoder(PROJECTION)
    assert (encoder.name, encoder.dimension) == (PROJECTION, 16)
    assert encoder.encode_images([draw(1)]).shape == (1, 16)
    assert not encoder.has_text_tower
    with pytest.raises(EncoderError, match="images only"):
        encoder.encode_texts(["a cat"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ViT-B-32-quickgelu:nothing", r"neither a file of weights nor a tag .*\(it knows: openai"),
        ("ViT-B-32-quickgelu", "neither a file"),
        ("No-Such-Model:openai", "neither an open_clip model"),
        ("no_such_module:function", "cannot be imported: No module named 'no_such_module'"),
        ("tests.pipelines.image_index.encoders:nothing", "cannot be imported"),
        ("tests.pipelines.image_index.encoders:not_an_encoder", r"must return \(model, preprocess\)"),
    ],
)
def test_what_is_no_encoder_is_refused(spec: str, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        open_encoder(spec)


def test_weights_that_cannot_be_had_say_how_to_bring_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError) as caught:
        open_encoder("ViT-B-32-quickgelu:openai", cache=tmp_path)
    message = str(caught.value)
    assert "cannot be downloaded" in message
    assert "--encoder-cache clip-cache" in message
    assert "--encoder ViT-B-32-quickgelu:FILE" in message
    assert "\n" not in message


def test_a_file_that_holds_no_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"nothing")
    with pytest.raises(EncoderError, match=r"weights\.pt: no weights of ViT-B-32"):
        open_encoder(f"ViT-B-32:{tmp_path / 'weights.pt'}")


def test_a_device_that_is_not_there_is_an_error() -> None:
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(EncoderError, match=r"--device cuda: torch .* finds no such device"):
            open_encoder(PROJECTION, device="cuda")
    with pytest.raises(EncoderError, match="no such device"):
        open_encoder(PROJECTION, device="abacus")
    with pytest.raises(EncoderError, match="cuda:99"):
        open_encoder(PROJECTION, device="cuda:99")


def test_weights_of_another_activation_are_refused_before_they_are_downloaded() -> None:
    with pytest.raises(EncoderError, match=r"QuickGELU.*take --encoder ViT-B-32-quickgelu:openai$"):
        open_encoder("ViT-B-32:openai")


def save_weights(path: Path, model: object) -> Path:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)  # type: ignore[attr-defined]
    return path


def test_a_file_of_quickgelu_weights_is_refused_by_the_plain_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import hashlib

    import open_clip
    import torch

    class Tower(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels

    unknown = save_weights(tmp_path / "weights.pt", torch.nn.Linear(2, 2))
    refused = r"trained with QuickGELU, ViT-B-32 computes GELU.*take --encoder ViT-B-32-quickgelu:"
    hub = tmp_path / "models--timm--vit_base_patch32_clip_224.openai/snapshots/0/open_clip_model.safetensors"
    beside = save_weights(tmp_path / "folder/open_clip_pytorch_model.bin", torch.nn.Linear(2, 2))
    (beside.parent / "open_clip_config.json").write_text('{"model_cfg": {"quick_gelu": true}}')
    script = tmp_path / "script.pt"
    torch.jit.script(Tower()).save(script)
    named = save_weights(tmp_path / "vit_b_32-OpenAI.pt", torch.nn.Linear(2, 2))
    for path in (save_weights(hub, torch.nn.Linear(2, 2)), beside, script, named):
        with pytest.raises(EncoderError, match=refused):
            open_encoder(f"ViT-B-32:{path}")
    # The other way round too; of two tags in a name the longer one counts.
    plain = save_weights(tmp_path / "laion2b_s34b_b79k.pt", torch.nn.Linear(2, 2))
    with pytest.raises(EncoderError, match="trained with GELU, ViT-B-32-quickgelu computes QuickGELU"):
        open_encoder(f"ViT-B-32-quickgelu:{plain}")
    # A file that open_clip lists by its checksum.
    digest = hashlib.sha256(unknown.read_bytes()).hexdigest()
    config = {"url": f"https://example.org/{digest}/x.pt", "quick_gelu": True}
    known = open_clip.get_pretrained_cfg
    monkeypatch.setattr(
        open_clip, "get_pretrained_cfg", lambda model, tag: config if tag == "openai" else known(model, tag)
    )
    with pytest.raises(EncoderError, match=refused):
        open_encoder(f"ViT-B-32:{unknown}")
    # Of a file that does not tell it is said that it does not.
    monkeypatch.undo()
    with pytest.raises(EncoderError, match="no weights of ViT-B-32"):
        open_encoder(f"ViT-B-32:{unknown}")
    assert "does not say with which activation" in caplog.text


@pytest.mark.parametrize("hub", ["does not exist", "does not answer", "does not resolve"])
def test_an_encoder_that_cannot_be_had_is_missed_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: str
) -> None:
    import socket
    import time

    from huggingface_hub import constants

    from pipelines.image_index.encoding.networks import DEFAULT_ENCODER, check_weights

    listening = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
    if hub == "does not exist":
        listening.close()
    if hub == "does not resolve":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(20))
    started = time.monotonic()
    with pytest.raises(EncoderError, match=r"not on this machine.* cannot be downloaded.*--encoder-cache"):
        check_weights(DEFAULT_ENCODER, str(tmp_path))
    assert time.monotonic() - started < 15.0  # some three seconds; the look-up of the name takes twenty
    if hub == "does not exist":
        with pytest.raises(
            EncoderError, match="weights of ViT-B-32:laion2b_s34b_b79k are not on this machine"
        ):
            check_weights("ViT-B-32:laion2b_s34b_b79k", str(tmp_path))
    for other in (PROJECTION, "ViT-B-32:no_such_tag", str(tmp_path)):
        check_weights(other, str(tmp_path))  # said where they are opened
    listening.close()


def test_the_default_encoders_weights_are_where_open_clip_has_them() -> None:
    import open_clip

    from pipelines.image_index.encoding import networks

    config = open_clip.get_pretrained_cfg(*networks.DEFAULT_ENCODER.split(":"))
    assert config["hf_hub"].rstrip("/") == networks._DEFAULT_HUB


def test_weights_that_are_there_are_opened_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cache in the hub's layout; the weights are no CLIP's, which is found by reading them."""
    import socket

    hub = tmp_path / "models--timm--vit_base_patch32_clip_224.openai"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs/main").write_text("0" * 40)
    save_weights(
        hub / f"snapshots/{'0' * 40}/open_clip_pytorch_model.bin", __import__("torch").nn.Linear(2, 2)
    )
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: asked.append(arguments))
    with pytest.raises(EncoderError, match=r"Missing key|Error\(s\) in loading"):
        open_encoder("ViT-B-32-quickgelu:openai", cache=tmp_path)
    assert asked == []
