"""Networks by specification, with their weights and preprocessing, and one clear error where they are missing.

A specification is one of:

- ``ViT-B-32-quickgelu:openai``: an open_clip model and the tag of its weights;
- ``ViT-B-32-quickgelu:checkpoints/weights.pt``: the same with weights from a file;
- ``checkpoints/my-clip``: a folder with ``open_clip_config.json`` and weights, as on the Hugging Face hub;
- ``package.module:function``: a function of yours that returns ``(model, preprocess)`` or
  ``(model, preprocess, tokenizer)``. The model maps a batch of preprocessed images to vectors, by
  ``encode_image`` where it has one; texts need ``encode_text`` and the tokenizer.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.image_index.errors import EncoderError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DEFAULT_ENCODER", "Network", "load_network"]

DEFAULT_ENCODER = "ViT-B-32-quickgelu:openai"


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


def load_network(spec: str, cache: str | None) -> Network:
    """Gives the network that `spec` names; `cache` is open_clip's folder of weights, its own with None.

    Raises:
        EncoderError: there is no such network, or its weights cannot be had.
    """
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
