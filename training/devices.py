"""Where models run and in which precision, and how fast that place could be at best."""

from __future__ import annotations

import functools
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from training.errors import TrainingError

if TYPE_CHECKING:
    import torch

__all__ = [
    "Precision",
    "bfloat16_units",
    "choose_device",
    "choose_precision",
    "clock",
    "peak_flops",
    "product_flops",
    "quiet_libraries",
]

logger = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16"]
_TRIES = 8

# Feature of the processor -> name of its units for bfloat16 products.
_CPU_UNITS = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16"}
# What oneDNN's developer guide, "CPU Dispatcher Control", lists below AVX512_CORE_BF16.
_ISA_WITHOUT_BFLOAT16 = (
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
)

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
    """Return the device that `name` asks for; ``auto`` takes a GPU if there is one.

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


@functools.cache
def choose_precision(setting: Precision | Literal["auto"], device: torch.device) -> Precision:
    """Return ``float32`` or ``bfloat16``: `setting`, or for ``auto`` the faster one on `device`.

    ``auto`` takes bfloat16 where the device has units for it: a GPU of compute capability 8 or more, a CPU with
    AMX-BF16 or AVX512-BF16. Elsewhere bfloat16 is emulated and several times slower than float32. What ``auto``
    took, and a setting that costs, is logged once a process.
    """
    units = bfloat16_units(device)
    if setting == "auto":
        precision: Precision = "bfloat16" if units else "float32"
        logger.info("precision: auto takes %s on %s (%s)", precision, device, units or "no bfloat16 units")
        return precision
    if setting == "bfloat16" and not units:
        logger.warning(
            "precision: bfloat16 is many times slower than float32 on this device (%s), which has no units for "
            "it; use --set precision=float32",
            device,
        )
    return setting


def bfloat16_units(device: torch.device) -> str:
    """Return the name of the device's units for bfloat16 products, empty without any."""
    import torch

    if device.type == "cuda":
        # A GPU of capability 7 computes in bfloat16, but without its tensor cores.
        return "tensor cores" if torch.cuda.get_device_capability(device)[0] >= 8 else ""
    # oneDNN computes the products. No call says which units it may use, so its settings are read as it reads them.
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    capped = torch.backends.cpu.get_cpu_capability() in ("NO AVX", "DEFAULT", "AVX2")
    built_in: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type != "cpu" or capped or limit.upper() in _ISA_WITHOUT_BFLOAT16 or not built_in:
        return ""
    present = _cpu_features()
    return next((name for feature, name in _CPU_UNITS.items() if feature in present), "")


def _cpu_features() -> set[str]:
    """Return the names of the processor's features, as torch and Linux spell them."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        return {name for name, present in torch.cpu.get_capabilities().items() if present is True}
    # Older releases of torch.
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def peak_flops(device: torch.device) -> float | None:
    """Return the device's peak in FLOP/s for bfloat16, or None where it is not known (a CPU, a newer GPU)."""
    import torch

    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAKS.items() if part in name), None)


def clock(device: torch.device) -> float:
    """Return a clock in seconds: on a CPU the processor time of one thread, so that other work does not count."""
    import torch

    return time.process_time() / torch.get_num_threads() if device.type == "cpu" else time.perf_counter()


def product_flops(device: torch.device, precision: str = "float32") -> float:
    """Return the FLOP/s that a large matrix product reaches on the device, the best of some tries.

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


def quiet_libraries() -> None:
    """Keep progress bars of model loading and advertisements away: the project's own lines say what happens."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
