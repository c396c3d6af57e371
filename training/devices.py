"""Where models run, and how fast that place could be at best."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from training.errors import TrainingError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "clock", "peak_flops", "product_flops", "training_flops"]

_TRIES = 8

# Dense bfloat16 (V100: float16) peaks from the makers' data sheets, FLOP/s.
_PEAKS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "V100": 125e12,
    "4090": 165e12,
    "3090": 71e12,
}


def choose_device(name: str) -> torch.device:
    """Gives the device that `name` asks for; ``auto`` takes a GPU if there is one.

    Raises:
        TrainingError: the device is not there. There is no silent fall-back.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there[name]:
        raise TrainingError(
            f"device: {name!r} is not there (torch {torch.__version__} sees "
            f"{', '.join(kind for kind, present in there.items() if present)}); choose one of these or 'auto'"
        )
    return torch.device(name)


def peak_flops(device: torch.device) -> float | None:
    """Gives the device's peak in FLOP/s for bfloat16, or None where it is not known (a CPU, a newer GPU)."""
    import torch

    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAKS.items() if part in name), None)


def clock(device: torch.device) -> float:
    """Gives a clock in seconds: on a CPU the processor time of one thread, so that other work does not count."""
    import torch

    return time.process_time() / torch.get_num_threads() if device.type == "cpu" else time.perf_counter()


def product_flops(device: torch.device, precision: str = "float32") -> float:
    """Gives the FLOP/s that a large matrix product reaches on the device, the best of some tries.

    It is what can be compared with where the maker's peak is not known, as on a CPU.

    Args:
        device: where to measure; a CPU with as many threads as torch has.
        precision: of the numbers, ``float32`` or ``bfloat16``.
    """
    import torch

    side = 1024 if device.type == "cpu" else 8192
    matrix = torch.randn(side, side, device=device, dtype=getattr(torch, precision))
    fastest = float("inf")
    for _ in range(_TRIES):
        begun = clock(device)
        # Reading a number waits for the device.
        (matrix @ matrix)[0, 0].item()
        fastest = min(fastest, clock(device) - begun)
    return 2 * side**3 / fastest


def training_flops(layers: int, hidden: int, parameters: int, tokens: int, length: float) -> float:
    """Gives the FLOP of forward and backward over `tokens` sub-tokens in inputs of `length`.

    Six for every parameter but the embeddings and token, and twelve for every layer, hidden number, token and
    token attended to (Chowdhery et al. 2022, appendix B).
    """
    return 6.0 * parameters * tokens + 12.0 * layers * hidden * length * tokens
