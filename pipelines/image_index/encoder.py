"""Encoders: networks that give images, and most of them texts too, as vectors of one space.

An encoder is named by a specification:

- ``ViT-B-32-quickgelu:openai``: an open_clip model and the tag of its weights;
- ``ViT-B-32-quickgelu:checkpoints/weights.pt``: the same with weights from a file;
- ``checkpoints/my-clip``: a folder with ``open_clip_config.json`` and weights, as on the Hugging Face hub;
- ``package.module:function``: a function of yours that returns ``(model, preprocess)`` or
  ``(model, preprocess, tokenizer)``. The model maps a batch of preprocessed images to vectors, by
  ``encode_image`` where it has one; texts need ``encode_text`` and the tokenizer.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.image_index.decoding import to_rgb
from pipelines.image_index.errors import EncoderError

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["DEFAULT_ENCODER", "PRECISIONS", "Encoder", "Network", "choose_device", "open_encoder"]

DEFAULT_ENCODER = "ViT-B-32-quickgelu:openai"
PRECISIONS = ("auto", "float32", "float16", "bfloat16")

_BATCH = 64
_DEFAULT_SIDE = 224

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A model with what belongs to it, as a loader gives it."""

    name: str
    """The specification, without folders of this machine."""
    architecture: str
    """What, beside weights and preprocessing, decides what the vectors are."""
    model: Any
    preprocess: Callable[[Image.Image], Any]
    tokenizer: Callable[[list[str]], Any] | None
    made_for_float16: bool


class Encoder:
    """A network on a device, ready to encode."""

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.name = network.name
        self.device = device
        self.dtype = dtype
        self.preprocess, self._mean, self._std = _split_normalisation(network.preprocess)
        self.weights_sha256 = _weights_checksum(network.model)
        identity = [network.architecture, self.weights_sha256, _describe(network.preprocess)]
        self.fingerprint = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
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
        """Gives the device for a person, with the precision: ``cuda:0 (NVIDIA A100), float16``."""
        import torch

        name = f" ({torch.cuda.get_device_name(self.device)})" if self.device.type == "cuda" else ""
        return f"{self.device}{name}, {str(self.dtype).removeprefix('torch.')}"

    def describe(self) -> dict[str, Any]:
        """Gives what manifests keep of the encoder."""
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "fingerprint": self.fingerprint,
            "dimension": self.dimension,
        }

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Gives the vectors of images of any mode and size, shape [n, dimension], as the network gives them.

        They are not normalised: their lengths are for the caller to use. `ImageIndex.search` takes them as
        they are.
        """
        batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        rows = [self.encode_batch(self._preprocess_all([to_rgb(i) for i in batch])) for batch in batches]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Gives the vectors of texts, shape [n, dimension], not normalised; overlong texts are cut.

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
        """Gives the vectors of images that were preprocessed and stacked (what `preprocess` gives, [n, ...])."""
        import torch

        with _no_gradients(), self._autocast():
            inputs = batch.to(self.device, non_blocking=True)
            if self._mean is not None:
                inputs = self._normalise(inputs)
            features = self._encode_image(inputs)
            return np.asarray(features.to(torch.float32).cpu().numpy().reshape(len(batch), -1))

    def blank_batch(self, size: int) -> torch.Tensor:
        """Gives a batch of black images, preprocessed."""
        one = self._preprocess_all([_blank()])
        return one.expand(size, *one.shape[1:]).contiguous()

    def _normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Gives bytes as the numbers that the network was trained on."""
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
    """Opens the encoder that `spec` names (see the module's description).

    Args:
        device: ``auto`` (the first GPU, else the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        cache: folder in which open_clip keeps weights that it downloads; its own default without.
        precision: ``float32``, ``float16`` or ``bfloat16``; ``auto`` takes 16 bits on a GPU.

    Raises:
        EncoderError: no such network, its weights cannot be had, or the device is not there.
    """
    try:
        import torch
    except ImportError as error:
        raise EncoderError(
            f"encoders need torch ({error}); install it with: pip install 'entity-knowledge-corpus[image]'"
        ) from error
    place = choose_device(device)
    network = _load(spec, str(cache) if cache is not None else None)
    if precision == "auto":
        precision = "float32"
        if place.type == "cuda":
            half = network.made_for_float16 or not torch.cuda.is_bf16_supported()
            precision = "float16" if half else "bfloat16"
    elif precision not in PRECISIONS:
        raise EncoderError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    return Encoder(network, place, getattr(torch, precision))


def choose_device(device: str) -> torch.device:
    """Gives the device that `device` names; ``auto`` is the first GPU, or else the CPU.

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


def _load(spec: str, cache: str | None) -> Network:
    import open_clip

    left, _, right = spec.partition(":")
    if Path(spec).is_dir():
        return _load_folder(Path(spec))
    if left in open_clip.list_models():
        return _load_open_clip(left, right, cache)
    if re.fullmatch(r"[A-Za-z_][\w.]*", left) and right.isidentifier():
        return _load_function(left, right)
    raise EncoderError(
        f"--encoder {spec}: neither an open_clip model with weights (such as {DEFAULT_ENCODER}; all names:"
        " open_clip.list_models()), nor a folder with open_clip_config.json, nor package.module:function"
    )


def _load_open_clip(architecture: str, weights: str, cache: str | None) -> Network:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights not in tags and not Path(weights).is_file():
        known = ", ".join(tags) or "none"
        raise EncoderError(
            f"--encoder {architecture}:{weights}: {weights!r} is neither a file of weights nor a tag that"
            f" open_clip knows for {architecture} (it knows: {known})"
        )
    try:
        with _quiet_open_clip(f"{architecture}:{weights}"):
            model, _, preprocess = open_clip.create_model_and_transforms(
                architecture, pretrained=weights, cache_dir=cache
            )
    except EncoderError:
        raise
    except Exception as error:  # of the hub, the network, the disk, or the file's content
        raise _no_weights(architecture, weights, cache, error) from error
    name = f"{architecture}:{weights if weights in tags else Path(weights).name}"
    return Network(name, architecture, model, preprocess, open_clip.get_tokenizer(architecture), True)


def _no_weights(architecture: str, weights: str, cache: str | None, error: Exception) -> EncoderError:
    reason = " ".join(str(error).split())[:300]
    if Path(weights).is_file():
        return EncoderError(f"{weights}: no weights of {architecture} ({reason})")
    return EncoderError(
        f"the weights of {architecture}:{weights} are not on this machine and cannot be downloaded ({reason})."
        f' Run this where there is internet: python -c "import open_clip; open_clip.create_model('
        f"'{architecture}', '{weights}', cache_dir='clip-cache')\"; bring the folder clip-cache here and give"
        f" --encoder-cache clip-cache{f' (now: {cache})' if cache else ''}; or give a file of weights with"
        f" --encoder {architecture}:FILE"
    )


def _load_folder(folder: Path) -> Network:
    import open_clip

    try:
        config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
        with _quiet_open_clip(str(folder)):
            name = f"local-dir:{folder}"
            model, _, preprocess = open_clip.create_model_and_transforms(name, require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(name)
    except EncoderError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise EncoderError(
            f"--encoder {folder}: no encoder there ({reason}); the folder must hold open_clip_config.json and"
            " open_clip_model.safetensors"
        ) from error
    architecture = json.dumps(config.get("model_cfg"), sort_keys=True)
    return Network(folder.name, architecture, model, preprocess, tokenizer, True)


def _load_function(module: str, function: str) -> Network:
    spec = f"{module}:{function}"
    try:
        with redirect_stdout(sys.stderr):  # what it prints must not end up among results
            made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise EncoderError(f"--encoder {spec}: cannot be imported: {error}") from error
    if not isinstance(made, tuple) or len(made) not in (2, 3) or not all(map(callable, made[:2])):
        raise EncoderError(
            f"--encoder {spec}: it must return (model, preprocess) or (model, preprocess, tokenizer)"
        )
    model, preprocess, tokenizer = (*made, None)[:3]
    return Network(spec, spec, model, preprocess, tokenizer, False)


@contextmanager
def _quiet_open_clip(spec: str) -> Iterator[None]:
    """Keeps open_clip's log off the terminal; its warning of a wrong activation is an error here."""
    import logging
    import warnings

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        logging.disable(before)
    if any("QuickGELU mismatch" in str(warning.message) for warning in caught):
        raise EncoderError(
            f"--encoder {spec}: the weights and the model differ in their activation, which would cost accuracy;"
            " take the model whose name ends in -quickgelu with these weights (or the one without)"
        )


def _weights_checksum(model: Any) -> str:
    """Gives the SHA-256 over names, types, shapes and values of a model's weights, whatever file they came in."""
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
    """Takes the last steps off a torchvision preprocessing: bytes travel to the device, floats are made there."""
    steps = list(getattr(preprocess, "transforms", ()))
    names = [type(step).__name__ for step in steps[-2:]]
    if names not in (["ToTensor", "Normalize"], ["MaybeToTensor", "Normalize"]):
        return preprocess, None, None
    normalise = steps[-1]
    return _Pixels(steps[:-2]), [float(v) for v in normalise.mean], [float(v) for v in normalise.std]


def _describe(preprocess: Any) -> str:
    """Gives a preprocessing in words; addresses in memory are no part of what it is."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(preprocess))


def _blank() -> Image.Image:
    from PIL import Image as Images

    return Images.new("RGB", (_DEFAULT_SIDE, _DEFAULT_SIDE))


def _no_gradients() -> Any:
    import torch

    return torch.inference_mode()
