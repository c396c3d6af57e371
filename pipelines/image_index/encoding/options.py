"""The options of the encode stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kc_schema.command import Positive, options
from pipelines.image_index.encoding.networks import DEFAULT_ENCODER, check_weights, with_local_weights
from pipelines.image_index.errors import EncoderError

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["EncodeOptions"]


@options
@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How images are encoded."""

    encoder: str = DEFAULT_ENCODER
    """MODEL:TAG or MODEL:FILE of open_clip, a folder with open_clip_config.json, package.module:function, or none."""
    encoder_cache: Path | None = None
    """Folder of downloaded weights."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """What the network computes in; auto: 16 bits on a GPU, 32 elsewhere."""
    batch_size: Annotated[Positive | None, Parameter(show_default=lambda _: "found by trying")] = None
    """Images a batch."""
    overwrite: Annotated[bool, Parameter(show_default=False)] = False
    """Replace embeddings that another encoder made."""

    @property
    def encodes_nothing(self) -> bool:
        """Whether there is no encoder: images without a vector that was made elsewhere are counted."""
        return self.encoder == "none"

    def check_weights(self) -> None:
        """Miss the encoder's weights within seconds where they cannot be had.

        Raises:
            EncoderError: they cannot.
        """
        if self.encodes_nothing:
            return
        cache = str(self.encoder_cache) if self.encoder_cache is not None else None
        check_weights(with_local_weights(self.encoder), cache)

    def open(self) -> Encoder:
        """Open the encoder that is named, on the device that is named.

        Raises:
            EncoderError: it cannot be had, or not there.
        """
        from pipelines.image_index.encoding.encoder import open_encoder

        if self.encodes_nothing:
            raise EncoderError("--encoder none: this needs an encoder; name one")
        return open_encoder(
            self.encoder, device=self.device, cache=self.encoder_cache, precision=self.precision
        )
