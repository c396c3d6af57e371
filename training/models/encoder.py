"""The pretrained encoder, without its pooler and in float32."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from training.errors import TrainingError

__all__ = [
    "EncoderShape",
    "checkpoint_activations",
    "encode",
    "encoder_limit",
    "encoder_shape",
    "load_encoder",
    "restore_encoder",
]


def load_encoder(name: str, vocabulary: int) -> Any:
    """Return a pretrained encoder whose embeddings hold `vocabulary` sub-tokens (markers included).

    Raises:
        TrainingError: there is no such model.
    """
    from transformers import AutoModel

    config = _load_config(name)
    try:
        encoder = AutoModel.from_pretrained(name, **_options(config))
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no model {name!r}: {str(error).splitlines()[0]}") from error
    if vocabulary > encoder.get_input_embeddings().num_embeddings:
        encoder.resize_token_embeddings(vocabulary, mean_resizing=False)
    return encoder


def restore_encoder(folder: Path) -> Any:
    """Return the encoder that a saved expert's configuration describes, its weights still to be loaded."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder)
    return AutoModel.from_config(config, **_options(config))  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class EncoderShape:
    """What decides how much room and work an encoder takes."""

    parameters: int
    inner_parameters: int
    """Without the word embeddings."""
    layers: int
    hidden: int
    """Numbers of a sub-token's representation."""
    limit: int
    """Sub-tokens of an input at most."""

    @classmethod
    def of(cls, encoder: Any) -> EncoderShape:
        """Return the shape of an encoder."""
        every = sum(parameter.numel() for parameter in encoder.parameters())
        inner = every - encoder.get_input_embeddings().weight.numel()
        config = encoder.config
        limit = encoder_limit(encoder, sys.maxsize)
        return cls(every, inner, config.num_hidden_layers, config.hidden_size, limit)

    def training_flops(self, tokens: int, length: float) -> float:
        """Return the FLOP of forward and backward over `tokens` sub-tokens in inputs of `length`.

        Six for every parameter but the embeddings and token, and twelve for every layer, hidden number, token
        and token attended to (Chowdhery et al. 2022, appendix B).
        """
        return 6.0 * self.inner_parameters * tokens + 12.0 * self.layers * self.hidden * length * tokens


def encoder_shape(name: str) -> EncoderShape:
    """Return the shape of a model without loading its weights.

    Raises:
        TrainingError: there is no such model.
    """
    import torch
    from transformers import AutoModel

    config = _load_config(name)
    with torch.device("meta"):
        return EncoderShape.of(AutoModel.from_config(config, **_options(config)))  # type: ignore[no-untyped-call]


def _load_config(name: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no model {name!r}: {str(error).splitlines()[0]}") from error


def _options(config: Any) -> dict[str, Any]:
    """Return how an encoder is built for fitting.

    Its weights are in float32 whatever they were saved in (EuroBERT's are in bfloat16, in which Adam's steps
    vanish). The pooler takes no part in the loss, which distributed training would trip over.
    """
    import torch
    from transformers import MODEL_MAPPING

    kinds: Any = MODEL_MAPPING.get(type(config), ())
    first = kinds[0] if isinstance(kinds, tuple) and kinds else kinds
    known = inspect.signature(first).parameters if first else {}
    pooler = {"add_pooling_layer": False} if "add_pooling_layer" in known else {}
    return {"dtype": torch.float32, **pooler}


def encoder_limit(encoder: nn.Module, asked: int) -> int:
    """Return how many sub-tokens fit: `asked`, or less where the positions of the encoder end earlier.

    RoBERTa and its kin count positions from behind the padding token's number: of XLM-R's 514, 512 are left.
    """
    config: Any = encoder.config
    positions: int = getattr(config, "max_position_embeddings", sys.maxsize)
    for name, part in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            positions -= 0 if part.padding_idx is None else part.padding_idx + 1
    return min(asked, positions)


def checkpoint_activations(encoder: Any) -> None:
    """Let the backward pass compute the encoder's activations again instead of keeping them."""
    # Older releases of transformers have only the name that version 6 takes away.
    enable = getattr(encoder, "activation_checkpointing_enable", None)
    (enable or encoder.gradient_checkpointing_enable)()


def encode(encoder: nn.Module, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
    """Return the representations r at `places`: [batch, places, hidden].

    Position ids are left to the encoder, which knows where its own begin.
    """
    hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    wanted: Tensor = hidden.gather(1, places.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
    return wanted
