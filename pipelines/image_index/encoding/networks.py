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
import logging
import re
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kc_schema.store import as_path, checksum, is_address, local_copy
from pipelines.image_index.errors import EncoderError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DEFAULT_ENCODER", "Network", "check_weights", "load_network", "with_local_weights"]

DEFAULT_ENCODER = "ViT-B-32-quickgelu:openai"
_DEFAULT_HUB = "timm/vit_base_patch32_clip_224.openai"
"""Where open_clip has the default encoder's weights from: known here, so that they are missed without its import."""
_WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SECONDS_FOR_HUB = 3.0
_log = logging.getLogger(__name__)


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
    """Return the network that `spec` names; `cache` is open_clip's folder of weights, its own with None.

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


def with_local_weights(spec: str) -> str:
    """Return a specification with a local copy in place of a file or folder in object storage.

    Raises:
        EncoderError: there is nothing at the address.
    """
    left, _, right = spec.partition(":")
    address, before = (spec, "") if is_address(spec) else (right, f"{left}:")
    if not is_address(address):
        return spec
    try:
        return before + str(local_copy(as_path(address)))
    except FileNotFoundError as error:
        raise EncoderError(f"--encoder {spec}: there is nothing at {address}") from error


def check_weights(spec: str, cache: str | None) -> None:
    """Make sure within seconds that the weights of a tag can be had; of the default encoder, before torch is imported.

    Raises:
        EncoderError: they are not on this machine and nothing answers where they could be downloaded from, or they
            are another model's.
    """
    architecture, _, tag = spec.partition(":")
    hub = _DEFAULT_HUB
    if spec != DEFAULT_ENCODER:
        if not tag or "." in architecture or Path(tag).is_file() or Path(spec).is_dir():
            return
        try:
            import open_clip
        except ImportError:
            return  # said where the encoder is opened
        config = open_clip.get_pretrained_cfg(architecture, tag)
        hub = config.get("hf_hub", "").rstrip("/")
        if config:
            _check_activation(architecture, tag)
    if hub:
        _look_for_weights(architecture, tag, hub, cache)


def _load_open_clip(architecture: str, weights: str, cache: str | None) -> Network:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights not in tags and not Path(weights).is_file():
        known = ", ".join(tags) or "none"
        raise EncoderError(
            f"--encoder {architecture}:{weights}: {weights!r} is neither a file of weights nor a tag that"
            f" open_clip knows for {architecture} (it knows: {known})"
        )
    _check_activation(architecture, weights)
    there = False
    if weights in tags:
        hub = open_clip.get_pretrained_cfg(architecture, weights).get("hf_hub", "").rstrip("/")
        there = bool(hub) and _look_for_weights(architecture, weights, hub, cache)
    try:
        with _quiet_open_clip(f"{architecture}:{weights}"), _offline() if there else nullcontext():
            model, _, preprocess = open_clip.create_model_and_transforms(
                architecture, pretrained=weights, cache_dir=cache
            )
    except EncoderError:
        raise
    except Exception as error:  # of the hub, the network, the disk, or the file's content
        raise _no_weights(architecture, weights, cache, error) from error
    name = f"{architecture}:{weights if weights in tags else Path(weights).name}"
    return Network(name, architecture, model, preprocess, open_clip.get_tokenizer(architecture), True)


def _look_for_weights(architecture: str, tag: str, hub: str, cache: str | None) -> bool:
    """Tell whether the weights of a tag are on this machine.

    Raises:
        EncoderError: they are not, and the hub does not answer within seconds.
    """
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    except ImportError as error:
        raise EncoderError(
            f"encoders need huggingface_hub ({error}); install it with: pip install 'entity-knowledge-corpus[image]'"
        ) from error

    for file in _WEIGHT_FILES:
        if isinstance(try_to_load_from_cache(hub, file, cache_dir=cache), str):
            return True
    failures: list[Exception] = []

    def ask() -> None:
        try:
            get_hf_file_metadata(hf_hub_url(hub, _WEIGHT_FILES[0]), timeout=_SECONDS_FOR_HUB)
        except (
            Exception
        ) as error:  # any answer of the hub means that it is there; what is wrong shows itself later
            failures.append(error)

    # In a thread, because looking up a name has no limit in time.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS_FOR_HUB + 0.5)
    if thread.is_alive():
        raise _no_weights(architecture, tag, cache, TimeoutError("the hub does not answer"))
    if failures and getattr(failures[0], "response", None) is None:
        raise _no_weights(architecture, tag, cache, failures[0])
    return False


@contextmanager
def _offline() -> Iterator[None]:
    """Keep huggingface_hub from asking the network for what is on this machine: it would wait for a minute."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _check_activation(architecture: str, weights: str) -> None:
    """Refuse weights that were trained with another activation than the model computes: they fit, and cost accuracy.

    Raises:
        EncoderError: open_clip's table of weights, or the file itself, names the other activation.
    """
    import open_clip

    computed = bool((open_clip.get_model_config(architecture) or {}).get("quick_gelu", False))
    config = open_clip.get_pretrained_cfg(architecture, weights)
    trained = (
        bool(config.get("quick_gelu", False)) if config else _activation_of_file(architecture, Path(weights))
    )
    if trained is None:
        other = _other_activation(architecture)
        if other is not None:
            _log.warning(
                "%s: the file does not say with which activation it was trained; %s computes %s, %s the other",
                *(weights, architecture, "QuickGELU" if computed else "GELU", other),
            )
    elif trained != computed:
        other = _other_activation(architecture)
        remedy = f"take --encoder {other}:{weights}" if other else "open_clip has no model that fits them"
        raise EncoderError(
            f"--encoder {architecture}:{weights}: these weights were trained with"
            f" {'QuickGELU' if trained else 'GELU'}, {architecture} computes"
            f" {'QuickGELU' if computed else 'GELU'}, which would cost accuracy; {remedy}"
        )


def _other_activation(architecture: str) -> str | None:
    """Return the name of the same model with the other activation, None where open_clip has none."""
    import open_clip

    plain = architecture.removesuffix("-quickgelu")
    other = plain if plain != architecture else f"{plain}-quickgelu"
    return other if other in open_clip.list_models() else None


def _activation_of_file(architecture: str, path: Path) -> bool | None:
    """Tell whether the weights of a file were trained with QuickGELU; None where nothing says so.

    A configuration beside the file says it, OpenAI's form of file (TorchScript), or the tag that open_clip lists
    with the file's checksum, the file's name in it, or the folder of the hub from which it came.
    """
    import open_clip

    beside = path.parent / "open_clip_config.json"
    if beside.is_file():
        try:
            return bool(json.loads(beside.read_text(encoding="utf-8"))["model_cfg"].get("quick_gelu", False))
        except (OSError, ValueError, KeyError, AttributeError):
            pass  # someone else's file
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any("/code/" in name for name in archive.namelist()):
                return True
    sha256 = checksum(path)
    folders = {*path.parts, *path.resolve().parts}
    by_name: dict[str, bool] = {}
    for model in {architecture, _other_activation(architecture) or architecture}:
        for tag in open_clip.list_pretrained_tags_by_model(model):
            config = open_clip.get_pretrained_cfg(model, tag)
            trained = bool(config.get("quick_gelu", False))
            url, hub = config.get("url", ""), config.get("hf_hub", "").rstrip("/")
            checksums = (url.rpartition("/")[0].rpartition("/")[2], Path(url).stem.rpartition("-")[2])
            if any(len(start) >= 8 and sha256.startswith(start) for start in checksums):
                return trained
            if hub and folders & {f"models--{hub.replace('/', '--')}", hub.rpartition("/")[2]}:
                return trained
            if re.search(rf"(?<![a-z0-9]){tag}(?![a-z0-9])", path.stem.lower()):
                by_name[tag] = trained
    return by_name[max(by_name, key=len)] if by_name else None


def _no_weights(architecture: str, weights: str, cache: str | None, error: Exception) -> EncoderError:
    reason = " ".join(str(error).split())[:300]
    if Path(weights).is_file():
        return EncoderError(f"{weights}: no weights of {architecture} ({reason})")
    return EncoderError(
        f"the weights of {architecture}:{weights} are not on this machine and cannot be downloaded ({reason})."
        f' Run this where there is internet: python -c "import open_clip; open_clip.create_model('
        f"'{architecture}', '{weights}', cache_dir='clip-cache')\"; bring the folder clip-cache here and give"
        f" --encoder-cache clip-cache{f' (now: {cache})' if cache else ''}; or give a file of these weights with"
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
    """Keep open_clip's log off the terminal; its warning of a wrong activation is an error here."""
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
