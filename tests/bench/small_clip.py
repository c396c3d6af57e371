"""An encoder of texts and pictures that a CPU runs fast, for whole builds where CLIP's weights are not at hand.

``--encoder tests.bench.small_clip:build``. Texts go through the small sentence encoder with its real weights;
pictures through a fixed random projection of their colours, so that near pictures are near and nothing more.
The two spaces have nothing to do with each other: what `sentence_image` finds by it is chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, AutoTokenizer

from training.demo.experiment import small_encoder

SIDE = 8
LONGEST = 64


class SmallClip(torch.nn.Module):
    """A sentence encoder and a projection of colours into the same number of dimensions."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        self.text = text
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.image = torch.nn.Linear(3 * SIDE * SIDE, text.config.hidden_size, bias=False)

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Gives the vectors of preprocessed pictures [n, numbers]."""
        vectors: torch.Tensor = self.image(pixels)
        return vectors

    def encode_text(self, tokens: Any) -> torch.Tensor:
        """Gives the mean of the encoder's last states over each text's tokens."""
        states = self.text(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        mean: torch.Tensor = (states * mask).sum(1) / mask.sum(1)
        return mean


def preprocess(image: Image.Image) -> torch.Tensor:
    """Gives a picture's colours on a coarse grid, centred."""
    pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE)), np.float32)
    return torch.from_numpy(pixels.reshape(-1) / 255 - 0.5)


def build() -> tuple[Any, Any, Any]:
    """Gives model, preprocessing and tokenizer, as `pipelines.image_index` takes them."""
    name = small_encoder()
    tokenizer = AutoTokenizer.from_pretrained(name)

    def tokenize(texts: list[str]) -> Any:
        return tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")

    return SmallClip(AutoModel.from_pretrained(name)), preprocess, tokenize
