"""The pretrained encoder, without its pooler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from training.errors import TrainingError

__all__ = ["count_parameters", "encode", "encoder_limit", "load_encoder", "restore_encoder"]


def load_encoder(name: str, vocabulary: int) -> Any:
    """Gives a pretrained encoder whose embeddings hold `vocabulary` sub-tokens (markers included).

    Raises:
        TrainingError: there is no such model.
    """
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(name)
        encoder = AutoModel.from_pretrained(name, **_no_pooler(config))
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no model {name!r}: {str(error).splitlines()[0]}") from error
    if vocabulary > encoder.get_input_embeddings().num_embeddings:
        encoder.resize_token_embeddings(vocabulary, mean_resizing=False)
    return encoder


def restore_encoder(folder: Path) -> Any:
    """Gives the encoder that a saved expert's configuration describes, its weights still to be loaded."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder)
    return AutoModel.from_config(config, **_no_pooler(config))  # type: ignore[no-untyped-call]


def _no_pooler(config: Any) -> dict[str, bool]:
    """The pooler takes no part in the loss, which distributed training would trip over."""
    has_pooler = config.model_type in ("bert", "roberta", "xlm-roberta", "xlm-roberta-xl", "camembert")
    return {"add_pooling_layer": False} if has_pooler else {}


def encoder_limit(config: Any, asked: int) -> int:
    """Gives how many sub-tokens fit: `asked`, or less where the positions of the encoder end earlier.

    RoBERTa's positions start behind the padding token's number, which takes two from XLM-R's 514.
    """
    positions = getattr(config, "max_position_embeddings", asked)
    if "roberta" in config.model_type or config.model_type == "camembert":
        positions -= config.pad_token_id + 1
    return min(asked, int(positions))


def encode(encoder: nn.Module, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
    """Gives the representations r at `places`: [batch, places, hidden].

    Position ids are left to the encoder, which knows where its own begin.
    """
    hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    wanted: Tensor = hidden.gather(1, places.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
    return wanted


def count_parameters(name: str) -> dict[str, int]:
    """Gives the shape of a model without loading its weights.

    ``all`` and ``encoder`` (without the word embeddings) parameters, ``layers``, ``hidden``, ``limit``.

    Raises:
        TrainingError: there is no such model.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no model {name!r}: {str(error).splitlines()[0]}") from error
    with torch.device("meta"):
        encoder: Any = AutoModel.from_config(config, **_no_pooler(config))  # type: ignore[no-untyped-call]
    every = sum(parameter.numel() for parameter in encoder.parameters())
    return {
        "all": every,
        "encoder": every - encoder.get_input_embeddings().weight.numel(),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "limit": encoder_limit(config, config.max_position_embeddings),
    }
