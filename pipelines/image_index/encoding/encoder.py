"""Encoders: networks on a device that give images, and most of them texts too, as vectors of one space."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kc_schema.image_manifest import EncoderDescription
from kc_schema.store import as_path, fingerprint, is_address
from pipelines.image_index.decoding import to_rgb
from pipelines.image_index.encoding.networks import (
    DEFAULT_ENCODER,
    Network,
    check_weights,
    load_network,
    with_local_weights,
)
from pipelines.image_index.errors import EncoderError

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["DEFAULT_ENCODER", "PRECISIONS", "Encoder", "choose_device", "open_encoder"]

PRECISIONS = ("auto", "float32", "float16", "bfloat16")

_BATCH = 64
_DEFAULT_SIDE = 224

Vectors = npt.NDArray[np.float32]


class Encoder:
    """A network on a device, ready to encode."""

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.name = network.name
        self.device = device
        self.dtype = dtype
        self.preprocess, self._mean, self._std = _split_normalisation(network.preprocess)
        self.weights_sha256 = _weights_checksum(network.model)
        self.fingerprint = fingerprint(
            network.architecture, self.weights_sha256, _describe(network.preprocess)
        )
        """The same for two encoders if and only if their vectors may stand in one index."""
        self._tokenizer = network.tokenizer
        self._model = network.model.eval().requires_grad_(False).to(device)
        self._encode_image = getattr(self._model, "encode_image", self._model)
        with _no_gradients():
            probe = self._preprocess_all([_blank()])
            self.input_shape: tuple[int, ...] = tuple(probe.shape[1:])
            self.dimension = int(self.encode_batch(probe).shape[1])

    @property
    def has_text_tower(self) -> bool:
        """Whether `encode_texts` works."""
        return self._tokenizer is not None and hasattr(self._model, "encode_text")

    @property
    def side(self) -> int:
        """Pixels of the shorter edge of what the network sees; images need not be larger than twice this."""
        return max(self.input_shape[-2:]) if len(self.input_shape) >= 2 else _DEFAULT_SIDE

    @property
    def device_name(self) -> str:
        """Return the device for a person, with the precision: ``cuda:0 (NVIDIA A100), float16``."""
        import torch

        name = f" ({torch.cuda.get_device_name(self.device)})" if self.device.type == "cuda" else ""
        return f"{self.device}{name}, {str(self.dtype).removeprefix('torch.')}"

    def describe(self) -> EncoderDescription:
        """Return what manifests keep of the encoder."""
        return EncoderDescription(self.name, self.weights_sha256, self.fingerprint, self.dimension)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return the vectors of images of any mode and size, shape [n, dimension], as the network gives them.

        They are not normalised: their lengths are for the caller to use. `ImageIndex.search` takes them as
        they are.
        """
        batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        rows = [self.encode_batch(self._preprocess_all([to_rgb(i) for i in batch])) for batch in batches]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts, shape [n, dimension], not normalised; overlong texts are cut.

        Raises:
            EncoderError: the network has no text tower (`has_text_tower`).
        """
        import torch

        if self._tokenizer is None or not self.has_text_tower:
            raise EncoderError(f"encoder {self.name}: it encodes images only, not texts")
        rows = []
        with _no_gradients(), self._autocast():
            for start in range(0, len(texts), _BATCH):
                tokens = self._tokenizer(list(texts[start : start + _BATCH]))
                features = self._model.encode_text(tokens.to(self.device))
                rows.append(features.to(torch.float32).cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def encode_batch(self, batch: torch.Tensor) -> Vectors:
        """Return the vectors of images that were preprocessed and stacked (what `preprocess` gives, [n, ...])."""
        import torch

        with _no_gradients(), self._autocast():
            inputs = batch.to(self.device, non_blocking=True)
            if self._mean is not None:
                inputs = self._normalise(inputs)
            features = self._encode_image(inputs)
            return np.asarray(features.to(torch.float32).cpu().numpy().reshape(len(batch), -1))

    def blank_batch(self, size: int) -> torch.Tensor:
        """Return a batch of black images, preprocessed."""
        one = self._preprocess_all([_blank()])
        return one.expand(size, *one.shape[1:]).contiguous()

    def _normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return bytes as the numbers that the network was trained on."""
        import torch

        mean = torch.tensor(self._mean, device=self.device).reshape(1, -1, 1, 1)
        std = torch.tensor(self._std, device=self.device).reshape(1, -1, 1, 1)
        return (pixels.to(torch.float32) / 255.0 - mean) / std

    def _preprocess_all(self, images: Sequence[Image.Image]) -> torch.Tensor:
        import torch

        return torch.stack([torch.as_tensor(self.preprocess(image)) for image in images])

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def open_encoder(
    spec: str = DEFAULT_ENCODER,
    *,
    device: str = "auto",
    cache: Path | str | None = None,
    precision: str = "auto",
) -> Encoder:
    """Open the encoder that `spec` names (`pipelines.image_index.encoding.networks`).

    Args:
        device: ``auto`` (the first GPU, else the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        cache: folder in which open_clip keeps weights that it downloads; its own default without.
        precision: ``float32``, ``float16`` or ``bfloat16``; ``auto`` takes 16 bits on a GPU.

    Raises:
        EncoderError: no such network, its weights cannot be had, or the device is not there.
    """
    files = with_local_weights(spec)
    check_weights(files, str(cache) if cache is not None else None)
    try:
        import torch
    except ImportError as error:
        raise EncoderError(
            f"encoders need torch ({error}); install it with: pip install 'entity-knowledge-corpus[image]'"
        ) from error
    place = choose_device(device)
    network = load_network(files, str(cache) if cache is not None else None)
    if is_address(spec):
        network = replace(network, name=as_path(spec).name)  # the local copy's tells nothing
    if precision == "auto":
        precision = "float32"
        if place.type == "cuda":
            half = network.made_for_float16 or not torch.cuda.is_bf16_supported()
            precision = "float16" if half else "bfloat16"
    elif precision not in PRECISIONS:
        raise EncoderError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    return Encoder(network, place, getattr(torch, precision))


def choose_device(device: str) -> torch.device:
    """Return the device that `device` names; ``auto`` is the first GPU, or else the CPU.

    Raises:
        EncoderError: it is not there. Nothing else is taken in its place.
    """
    import torch

    if device == "auto":
        device = (
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise EncoderError(
            f"--device {device}: no such device; give auto, cpu, cuda, cuda:1 or mps"
        ) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (place.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(place.type, False):
        raise EncoderError(
            f"--device {device}: torch {torch.__version__} finds no such device here; install a torch made for"
            " it, or give --device cpu"
        )
    return place


def _weights_checksum(model: Any) -> str:
    """Return the SHA-256 over names, types, shapes and values of a model's weights, whatever file they came in."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Pixels:
    """The steps of a preprocessing up to the picture, then its bytes as [channels, height, width]."""

    steps: Sequence[Callable[[Any], Any]]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        import torch

        picture: Any = image
        for step in self.steps:
            picture = step(picture)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _split_normalisation(
    preprocess: Callable[[Image.Image], Any],
) -> tuple[Callable[[Image.Image], Any], list[float] | None, list[float] | None]:
    """Take the last steps off a torchvision preprocessing: bytes travel to the device, floats are made there."""
    steps = list(getattr(preprocess, "transforms", ()))
    names = [type(step).__name__ for step in steps[-2:]]
    if names not in (["ToTensor", "Normalize"], ["MaybeToTensor", "Normalize"]):
        return preprocess, None, None
    normalise = steps[-1]
    return _Pixels(steps[:-2]), [float(v) for v in normalise.mean], [float(v) for v in normalise.std]


def _describe(preprocess: Any) -> str:
    """Return a preprocessing in words; addresses in memory are no part of what it is."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(preprocess))


def _blank() -> Image.Image:
    from PIL import Image as Images

    return Images.new("RGB", (_DEFAULT_SIDE, _DEFAULT_SIDE))


def _no_gradients() -> Any:
    import torch

    return torch.inference_mode()
