"""File names, hash folders, thumbnails and addresses, as MediaWiki makes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.image_index.file_names import (
    MediaServer,
    file_kind,
    hash_folders,
    name_problem,
    thumbnail_name,
    thumbnail_widths,
    wiki_folder,
)


def test_folders_are_those_of_the_media_server() -> None:
    assert hash_folders("Innsbruck.jpg") == "2/2a"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("A.jpg", "500px-A.jpg"),
        ("A.PNG", "500px-A.PNG"),
        ("A.svg", "500px-A.svg.png"),
        ("A.tif", "lossy-page1-500px-A.tif.jpg"),
        ("A.pdf", "page1-500px-A.pdf.jpg"),
        ("A.djvu", "page1-500px-A.djvu.jpg"),
        ("A.webm", "500px--A.webm.jpg"),
        ("A.webp", "500px-A.webp.png"),
        ("A.xcf", "500px-A.xcf.png"),
        ("A.jpeg", "500px-A.jpeg"),
        ("A.gif", "500px-A.gif"),
        ("A.TIFF", "lossy-page1-500px-A.TIFF.jpg"),
        ("A.djv", "page1-500px-A.djv.jpg"),
        ("A.ogv", "500px--A.ogv.jpg"),
        ("A.stl", "500px-A.stl.png"),
        # Names of up to 160 bytes stand in full; of longer ones the extension is left, in small letters.
        ("a" * 156 + ".jpg", "500px-" + "a" * 156 + ".jpg"),
        ("a" * 157 + ".JPG", "500px-thumbnail.jpg"),
        ("Ä" * 100 + ".svg", "500px-thumbnail.svg.png"),
        ("a" * 160 + ".PDF", "page1-500px-thumbnail.pdf.jpg"),
        ("a" * 160 + ".webm", "500px--thumbnail.webm.jpg"),
    ],
)
def test_thumbnails_have_the_names_of_their_handlers(file: str, expected: str) -> None:
    assert thumbnail_name(file, 500) == expected


@pytest.mark.parametrize("file", ["A.jpg", "A.svg", "A.stl", "A.webp"])
def test_what_can_be_had_at_any_width_is_asked_for_once(file: str) -> None:
    assert thumbnail_widths(file, 500) == (500,)


@pytest.mark.parametrize("file", ["A.pdf", "A.djvu", "A.tif", "A.webm", "A.xcf"])
def test_documents_and_videos_are_asked_for_in_narrower_widths_too(file: str) -> None:
    assert thumbnail_widths(file, 500) == (500, 330, 250, 120)
    assert thumbnail_widths(file, 40) == (40, 20)


def test_addresses() -> None:
    server = MediaServer("https://media.example.org", wiki_folder("dewiki"), 330)
    assert server.repositories == ("wikipedia/commons", "wikipedia/de")
    assert (*server.thumbnails("wikipedia/commons", "Innsbruck.jpg"),) == (
        "https://media.example.org/wikipedia/commons/thumb/2/2a/Innsbruck.jpg/330px-Innsbruck.jpg",
    )
    url = server.original("wikipedia/de", "Was_ist_das?_50%_(äh).png")
    assert url is not None
    assert url.endswith("/Was_ist_das%3F_50%25_(%C3%A4h).png")
    assert server.original("wikipedia/de", "A.svg") is None


@pytest.mark.parametrize(
    ("database", "folder"),
    [
        ("enwiki", "wikipedia/en"),
        ("simplewiki", "wikipedia/simple"),
        ("zh_min_nanwiki", "wikipedia/zh-min-nan"),
        ("enwiktionary", "wiktionary/en"),
        ("commonswiki", "wikipedia/commons"),
    ],
)
def test_the_wikis_own_folder(database: str, folder: str) -> None:
    assert wiki_folder(database) == folder


@pytest.mark.parametrize(
    "name", ["../a.jpg", "a/b.jpg", "a\\b.jpg", "..jpg", ".jpg", "a\n.jpg", "a:b.jpg", "\ud800.jpg"]
)
def test_names_that_could_be_paths_are_refused(name: str) -> None:
    assert name_problem(name) == "illegal file name"


def test_names_may_be_as_long_as_mediawiki_lets_them() -> None:
    assert name_problem("a" * 236 + ".jpg") is None
    assert name_problem("a" * 237 + ".jpg") == "file name too long"
    assert name_problem("Ä" * 120 + ".jpg") == "file name too long"


@given(st.text(max_size=60))
def test_a_name_that_passes_is_one_component_of_a_path(name: str) -> None:
    if name_problem(name) is None:
        from pathlib import PurePosixPath

        path = PurePosixPath("/images") / hash_folders(name) / name
        assert path.parts[-1] == name
        assert len(path.parts) == 5
        assert ".." not in path.parts


def test_kinds() -> None:
    assert [file_kind(n) for n in ("A.JPEG", "A.ogg", "A.ogv", "A", "A.exe")] == [
        "jpeg",
        "audio",
        "video",
        "other",
        "other",
    ]
