"""A byte that changed in any file of a finished corpus: verify names it, and a search ends with a line, not a crash."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from kc_schema.errors import UserError
from kc_schema.verify import verify
from pipelines import build_image_kc, build_retrieval_cache, build_text_kc
from pipelines.engine import TIMINGS
from tests.pipelines.evidence.picture_corpus import SPEC, write_posts

pytestmark = pytest.mark.torch

COLOURS = {"Red.png": (250, 10, 10), "Green.png": (10, 250, 10), "Blue.png": (10, 10, 250)}
PAGES = {
    "Rose": "[[File:Red.png|thumb|A rose]]\nA '''rose''' is a red [[flower]]. Roses grow in gardens.",
    "Grass": "[[File:Green.png|thumb]]\n'''Grass''' is green and grows in every [[garden]].",
    "Sea": "[[File:Blue.png|thumb]]\nThe '''sea''' is blue and wide.",
}
SITE = (
    "<siteinfo><sitename>Wikipedia</sitename><dbname>enwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page"
    '</base><case>first-letter</case><namespaces><namespace key="0" case="first-letter"/>'
    '<namespace key="6" case="first-letter">File</namespace></namespaces></siteinfo>'
)


def write_dump(path: Path) -> None:
    pages = "".join(
        f"<page><title>{title}</title><ns>0</ns><id>{number}</id><revision><id>{number}</id>"
        f"<model>wikitext</model><format>text/x-wiki</format><text>{text}</text></revision></page>"
        for number, (title, text) in enumerate(PAGES.items(), 1)
    )
    path.write_text(
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">'
        f"{SITE}{pages}</mediawiki>"
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with a corpus (kc), a cache made from it, and a picture to ask by."""
    folder = tmp_path_factory.mktemp("built")
    write_dump(folder / "dump.xml")
    (folder / "pictures").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 40), colour).save(folder / "pictures" / name)
    kc = str(folder / "kc")
    encoder = ["--encoder", SPEC, "--device", "cpu"]
    assert build_text_kc.main(["--dump", str(folder / "dump.xml"), "--output", kc, "--workers", "1"]) == 0
    images = ["--kc", kc, "--images", str(folder / "pictures"), "--workers", "1"]
    assert build_image_kc.main([*images, *encoder]) == 0
    posts = write_posts(folder / "posts")
    data = ["--dataset", "conll", "--data", str(posts), "--images", str(posts / "pictures")]
    sources = ["--sources", "text,image", "--kc", kc, *encoder, "--output", str(folder / "cache")]
    assert build_retrieval_cache.main([*data, *sources]) == 0
    return folder


def finished_files(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if ".work" not in path.parts and path.stat().st_size]


def flip(path: Path, place: int) -> bytes:
    """Changes a byte of a file; returns what was there."""
    before = path.read_bytes()
    changed = bytearray(before)
    changed[place] ^= 0x55
    path.write_bytes(changed)
    return before


def unnoticed(folder: Path, files: list[Path]) -> list[str]:
    """The places of the files in which verify saw no change."""
    missed = []
    for path in files:
        for place in {0, path.stat().st_size // 2, path.stat().st_size - 1}:
            before = flip(path, place)
            try:
                if not verify(folder).counts:
                    missed.append(f"{path.name}: {place}")
            except UserError:
                pass
            finally:
                path.write_bytes(before)
    return missed


def test_verify_names_a_changed_byte_in_every_file_of_a_corpus(built):
    assert not verify(built / "kc").counts
    files = finished_files(built / "kc")
    assert {path.name for path in files} >= {
        "index.faiss",
        "manifest.json",
        "index.json",
        "part-00000.parquet",
    }
    # A record says what the files are; nothing says what the record is, and a letter in its notes harms nothing.
    # Times that were measured are listed nowhere: no two builds take the same.
    tables = [path for path in files if path.suffix != ".json" and path.name != TIMINGS]
    assert unnoticed(built / "kc", tables) == []


def test_verify_names_a_changed_byte_in_every_file_of_a_cache(built):
    assert not verify(built / "cache").counts
    tables = [path for path in finished_files(built / "cache") if path.suffix == ".parquet"]
    assert tables
    assert unnoticed(built / "cache", tables) == []


def test_what_makes_a_damaged_file_anew_is_said(built, capsys):
    from kc_schema.verify import main

    before = flip(built / "kc" / "images" / "index.faiss", 50)
    try:
        assert main([str(built / "kc")]) == 1
    finally:
        (built / "kc" / "images" / "index.faiss").write_bytes(before)
    said = capsys.readouterr().out
    assert "index.faiss" in said
    assert "remove the file, then python -m pipelines.build_image_kc --kc" in said


SEARCHES = """
import os, sys
from pathlib import Path
from pipelines.search import main

kc, encoder, picture, *files = sys.argv[1:]
for file in map(Path, files):
    before = file.read_bytes()
    for place in {3, len(before) // 3, len(before) // 2, len(before) - 2}:
        changed = bytearray(before)
        changed[place] ^= 0x55
        file.write_bytes(changed)
        status = main(["--image", picture, "--kc", kc, "--encoder", encoder, "--device", "cpu", "--json"])
        print("STATUS", file.name, place, status, file=sys.stderr, flush=True)
    file.write_bytes(before)
"""


def test_a_search_over_damaged_images_ends_with_a_line(built):
    files = [str(path) for path in finished_files(built / "kc" / "images") if path.suffix != ".tar"]
    picture = str(built / "posts" / "pictures" / "red.jpg")
    run = subprocess.run(
        [sys.executable, "-c", SEARCHES, str(built / "kc"), SPEC, picture, *files],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    ends = [line.split()[-1] for line in run.stderr.splitlines() if line.startswith("STATUS")]
    assert len(ends) >= 4 * len(files) - 3
    assert set(ends) == {"0", "1"}
