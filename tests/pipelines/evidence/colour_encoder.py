"""An encoder small enough for tests: pictures by their mean colour, texts by the colours that they name."""

from __future__ import annotations

import os
import time
from typing import Any

import torch

COLOURS = ("red", "green", "blue")


class ColourModel(torch.nn.Module):
    """Maps pictures and texts to vectors of eight numbers: red, green, blue, and a little of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(8)[:3])

    def _vectors(self, colours: torch.Tensor) -> torch.Tensor:
        vectors = colours.to(torch.float32) @ self.weight
        vectors[:, 3] = 0.1
        return vectors

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        return self._vectors(pixels.mean(dim=(2, 3)))

    def encode_text(self, counts: torch.Tensor) -> torch.Tensor:
        return self._vectors(counts)


def preprocess(image: Any) -> torch.Tensor:
    time.sleep(float(os.environ.get("ENCODER_PAUSE", "0")))  # so that a test can kill who is at it
    pixels = torch.tensor(list(image.convert("RGB").resize((4, 4)).tobytes()), dtype=torch.float32)
    return pixels.reshape(4, 4, 3).permute(2, 0, 1) / 255.0


def tokenize(texts: list[str]) -> torch.Tensor:
    words = [text.lower().split() for text in texts]
    return torch.tensor([[row.count(colour) for colour in COLOURS] for row in words], dtype=torch.float32)


def build() -> tuple[Any, Any, Any]:
    return ColourModel(), preprocess, tokenize


def build_other() -> tuple[Any, Any, Any]:
    model = ColourModel()
    model.weight.data *= 2
    return model, preprocess, tokenize


def build_blind() -> tuple[Any, Any]:
    return ColourModel(), preprocess
