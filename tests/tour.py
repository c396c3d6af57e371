"""Makes the pictures of docs/tour.md, of the invented corpus, with Chromium.

python -m tests.tour --output docs/tour
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.invented_corpus import write_invented
from tests.services.corpus_service import running_service

VIEWS = {
    "search": ("/look?q=the+striped+cat+at+the+quay", 860, 560),
    "article": ("/article/Port_Ellery", 860, 500),
    "example": ("/examples/test/test-1", 860, 1240),
    "telephone": ("/look?q=a+cup+of+espresso", 360, 620),
}
LARGEST = 60_000
"""Bytes of a picture."""


def shrink(picture: bytes) -> bytes:
    """Returns a PNG of as many colours as fit into `LARGEST` bytes."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (128, 64, 48, 32, 24, 16):
        buffer = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() < LARGEST:
            return buffer.getvalue()
    raise SystemExit(f"a picture does not fit into {LARGEST} bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, help="what write_invented has made, if it is there")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        corpus = given.corpus or write_invented(Path(temporary))
        arguments = [
            "--kc", corpus / "kc", "--cache", corpus / "caches" / "posts", "--run", corpus / "runs" / "posts",
            "--images", corpus / "posts" / "images",
        ]  # fmt: skip
        with running_service(*arguments, module="pipelines.explore") as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for name, (address, width, height) in VIEWS.items():
                page = browser.new_page(base_url=site.address, viewport={"width": width, "height": height})
                page.goto(address)
                page.wait_for_load_state("networkidle")
                (given.output / f"{name}.png").write_bytes(shrink(page.screenshot()))
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
