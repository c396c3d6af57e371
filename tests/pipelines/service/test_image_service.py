"""Images asked of the service: for sentences, images and vectors."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from pipelines.image_index.file_names import hash_folders
from pipelines.service.limits import RequestError
from pipelines.service.pictures import PictureFetcher, decode_upload
from tests.pipelines.evidence.picture_corpus import write_pictures_kc
from tests.services.corpus_service import Reply, RunningService, running_service
from tests.services.media_server import media_server

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    kc = write_pictures_kc(tmp_path_factory.mktemp("kc"))
    with running_service("--kc", kc) as running:
        yield running


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


def titles(answer: Reply, field: str = "results") -> list[list[str]]:
    assert answer.status == 200, answer.body
    return [[hit["title"] for hit in hits] for hits in answer.json[field]]


def test_images_for_a_sentence_and_both(service: RunningService) -> None:
    asked = {"queries": ["a green thing", "a blue sea"], "k": 1}
    assert titles(service.post("/search", {**asked, "find": "images"}), "images") == [["Grass"], ["Sea"]]
    both = service.post("/search", {**asked, "find": "both"})
    assert titles(both, "images") == [["Grass"], ["Sea"]]
    assert titles(both) == [["Grass"], ["Sea"]]
    assert "results" not in service.post("/search", {**asked, "find": "images"}).json
    blank = service.post("/search", {"queries": ["", "a blue sea", " \n"], "k": 1, "find": "both"})
    assert titles(blank, "images") == titles(blank) == [[], ["Sea"], []]


def test_images_for_an_image_in_every_form(service: RunningService) -> None:
    blue = picture((0, 0, 255))
    raw = service.ask("POST", "/search/image?k=1", blue, {"Content-Type": "image/png"})
    assert titles(raw) == [["Sea"]]
    assert list(raw.json["results"][0][0]) == [
        "rank", "score", "image_id", "file", "url", "page_id", "title", "introduction", "caption", "place",
        "wikidata_id",
    ]  # fmt: skip
    form = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + blue + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="k"\r\n\r\n1\r\n--x--\r\n'
    )
    sent = service.ask("POST", "/search/image", form, {"Content-Type": "multipart/form-data; boundary=x"})
    assert sent.json == raw.json
    vectors = [[0, 1, 0, 0.1, 0, 0, 0, 0], [0, 0, 5, 0.1, 0, 0, 0, 0]]
    assert titles(service.post("/search/image", {"vectors": vectors, "k": 1})) == [["Grass"], ["Sea"]]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"vectors": [[1, 2]]}, 422, "vectors[0]: 2 numbers; the index takes 8"),
        ({"vectors": [[0] * 8]}, 422, "vectors[0]: all zero"),
        (b'{"vectors": [[1e999, 0, 0, 0, 0, 0, 0, 0]]}', 422, "vectors"),
        ({"vectors": []}, 422, "vectors: 0 of them"),
        ({"vectors": [[1] * 8] * 257}, 422, "vectors: 257 of them"),
        ({"url": "http://127.0.0.1/x.png"}, 403, "addresses are not fetched here"),
        ({}, 422, "give either vectors or url"),
        ({"vectors": [[1] * 8], "k": 10**9}, 422, "k: 1000000000 is out of bounds"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(
    service: RunningService, body: object, status: int, error: str
) -> None:
    answer = service.post("/search/image", body)
    assert (answer.status, error in answer.error) == (status, True), answer.body


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff" + b"\x00" * 5000, b"GIF89a"])
def test_what_is_no_image_is_refused(service: RunningService, content: bytes) -> None:
    answer = service.ask("POST", "/search/image", content, {"Content-Type": "image/jpeg"})
    assert answer.status == 422
    assert answer.error.startswith("image: ")


def test_an_upload_that_is_too_long_is_refused(service: RunningService) -> None:
    answer = service.ask(
        "POST", "/search/image", b"", {"Content-Type": "image/jpeg", "Content-Length": str(21 << 20)}
    )
    assert answer.status == 413


def test_an_image_at_an_address_is_fetched_from_the_hosts_that_were_named() -> None:
    with media_server() as media:
        host = f"127.0.0.1:{media.port}"
        fetcher = PictureFetcher([host], most_bytes=1 << 20, private_addresses=True)
        good = server_url(host, "Fine_a.jpg")
        assert decode_upload(fetcher.fetch(good)).mode == "RGB"
        for url, status in [
            ("http://localhost.example.org/x.png", 403),
            ("file:///etc/passwd", 422),
            ("not an address", 422),
            (server_url(host, "Missing_a.jpg"), 422),
            (server_url(host, "Away_a.jpg"), 403),
        ]:
            with pytest.raises(RequestError) as refused:
                fetcher.fetch(url)
            assert refused.value.status_code == status, url
        careful = PictureFetcher([host], most_bytes=1 << 20)
        with pytest.raises(RequestError, match="private address"):
            careful.fetch(good)


def server_url(host: str, name: str) -> str:
    return f"http://{host}/wikipedia/commons/{hash_folders(name)}/{name}"


def test_thumbnails(service: RunningService) -> None:
    missing = service.get("/images/2/thumbnail")
    assert missing.status == 404, "this corpus has vectors, no files"
    unknown = service.get("/images/999/thumbnail")
    assert (unknown.status, "/" in unknown.error) == (404, False), "no folder of the machine is named"
    assert service.get(f"/images/{1 << 63}/thumbnail").status == 422
    assert service.get("/images/x/thumbnail").status == 422
