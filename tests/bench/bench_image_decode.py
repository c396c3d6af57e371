"""Times decoding a core and encoding on a device.

    python -m tests.bench.bench_image_decode --encoder ViT-B-32-quickgelu:weights.pt --device cuda

Printed: images a second that one core checks (fetch stage), decodes and prepares for a network of 224 pixels
(encode stage), at the sizes of thumbnails and of originals, with and without `draft`; then images a second
that the encoder takes, by batch.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from pipelines.image_index.decoding import check_image, decode_image

SIZES = ((500, 375), (1280, 960), (4000, 3000))
SECONDS = 2.0
SIDE = 224


def picture(size: tuple[int, int], seed: int) -> bytes:
    """Return a JPEG with about as much detail as a photograph has."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    pixels = np.asarray(coarse, np.int16) + rng.integers(-10, 11, (size[1], size[0], 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def rate(work: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Return calls a CPU second of this process."""
    work(contents[0])
    started, calls = time.process_time(), 0
    while time.process_time() - started < SECONDS:
        work(contents[calls % len(contents)])
        calls += 1
    return calls / (time.process_time() - started)


def prepare(content: bytes, *, side: int | None) -> object:
    image = decode_image(content, side=side)
    scale = SIDE / min(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (small.width - SIDE) // 2, (small.height - SIDE) // 2
    return np.asarray(small.crop((left, top, left + SIDE, top + SIDE)))


def bench_decoding() -> None:
    print("| JPEG | KB | checked/s | prepared/s without draft | prepared/s |\n|---|---|---|---|---|")
    for size in SIZES:
        contents = [picture(size, seed) for seed in range(4)]
        rates = [
            rate(check_image, contents),
            rate(lambda content: prepare(content, side=None), contents),
            rate(lambda content: prepare(content, side=SIDE), contents),
        ]
        kilobytes = sum(map(len, contents)) / len(contents) / 1000
        print(f"| {size[0]} x {size[1]} | {kilobytes:.0f} | " + " | ".join(f"{r:,.0f}" for r in rates) + " |")


def bench_encoder(spec: str, device: str, precision: str) -> None:
    from pipelines.image_index.encoding.encoder import open_encoder
    from pipelines.image_index.encoding.image_vectors import find_batch_size

    encoder = open_encoder(spec, device=device, precision=precision)
    chosen = find_batch_size(encoder)
    print(f"\n{encoder.name} on {encoder.device_name}; batch size found: {chosen}")
    # On a CPU per second of processor time: with OMP_NUM_THREADS=1, what one core does whatever else runs.
    clock = time.process_time if encoder.device.type == "cpu" else time.perf_counter
    print("| batch | images/s |\n|---|---|")
    for size in sorted({1, 8, 32, 128, chosen}):
        batch = encoder.blank_batch(size)
        encoder.encode_batch(batch)
        started, calls = clock(), 0
        while clock() - started < SECONDS:
            encoder.encode_batch(batch)
            calls += 1
        print(f"| {size} | {calls * size / (clock() - started):,.1f} |")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", help="an encoder to time; decoding alone without")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    bench_decoding()
    if arguments.encoder:
        bench_encoder(arguments.encoder, arguments.device, arguments.precision)
    return 0


if __name__ == "__main__":
    sys.exit(main())
