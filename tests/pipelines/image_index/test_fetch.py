"""The fetch stage against a server of the tests' own, and from folders."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

pytest.importorskip("PIL")
pytest.importorskip("requests")

import pyarrow.parquet as pq

from kc_schema.snapshot import open_snapshot
from pipelines.engine import Engine
from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.archive import DownloadArchive, PartContent
from pipelines.image_index.fetching.fetch import Fetch, FetchOptions, fetched_parts
from pipelines.image_index.fetching.politeness import Limits, Stopped
from pipelines.image_index.fetching.sources import Outcome
from pipelines.image_index.file_names import KINDS, hash_folders, thumbnail_name
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import Plan, make_plan, with_rights
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import MediaServer, draw, encode_as, media_server

QUIET = Console(quiet=True)
KINDS_BUT_AUDIO = [kind for kind in KINDS if kind != "audio"]
FAST = Limits(megabits_per_second=8000, first_delay=0.01, longest_delay=0.05, attempts=4)


@pytest.fixture
def server():  # type: ignore[no-untyped-def]
    with media_server() as media:
        yield media


def options(server: MediaServer, **changes: object) -> FetchOptions:
    values = {"images": server.url, "private_addresses": True, "max_bytes": 200_000, "repository": "all"}
    return FetchOptions(**{**values, **changes})  # type: ignore[arg-type]


def plan_of(kc: Path, **changes: object) -> Plan:
    values = {"kinds": KINDS_BUT_AUDIO, "part_bits": 1}
    return make_plan(open_snapshot(kc), Layout(kc), **{**values, **changes})  # type: ignore[arg-type]


def run(
    kc: Path, how: FetchOptions, *, limits: Limits = FAST, workers: int = 1
) -> dict[str, dict[str, object]]:
    """Fetch, and return the records by file."""
    layout, plan = Layout(kc), plan_of(kc)
    with layout.place() as place, Engine(workers) as engine:
        stage = Fetch(layout, plan, how, "wikipedia/en", engine, QUIET, limits=limits, max_seconds=3.0)
        stage.check()
        if not stage.is_current():
            stage.run()
        assert stage.is_current() or how.retry_failed
        place.remove_unlisted(layout.files(len(plan.planned)))
    return records(kc, plan)


def records(kc: Path, plan: Plan) -> dict[str, dict[str, object]]:
    rows = [
        row
        for number in range(len(plan.planned))
        for row in pq.read_table(Layout(kc).part("records", number)).to_pylist()
    ]
    assert [row["image_id"] for row in rows] == sorted(row["image_id"] for row in rows)
    return {row["file"]: row for row in rows}


def test_what_can_be_had_is_had_and_the_rest_is_counted_by_reason(
    tmp_path: Path, server: MediaServer
) -> None:
    had = ["Fine_a.jpg", "Fine_b.png", "Fine_c.gif", "Fine_d.svg", "Fine_e.tif", "Fine_f.pdf", "Fine_g.webm"]
    had += [
        "Fine_h.djvu",
        "Fine_i.xcf",
        "Fine_j.webp",
        "Local_a.jpg",
        "Small_a.jpg",
        "Shaky_a.jpg",
        "Busy_a.jpg",
    ]
    had += ["Narrow_a.tif", "Narrow_b.pdf", "Narrow_c.webm", "Narrow_d.jpg"]
    had += ["Moved_a.jpg", "Fine_" + "long_" * 40 + ".jpg", "Fine_Ä_%_?_&_+.jpg"]
    failed = {
        "Missing_a.jpg": "not found",
        "Broken_a.jpg": "server error 502",
        "Stubborn_a.jpg": "too many requests",
        "Short_a.jpg": "wrong length",
        "Cut_a.jpg": "truncated",
        "Html_a.jpg": "not an image",
        "Empty_a.jpg": "no content",
        "Away_a.jpg": "redirect elsewhere",
        "Circle_a.jpg": "too many redirects",
        "Bomb_a.png": "too many pixels",
        "Huge_a.jpg": "too many bytes",
        "Endless_a.jpg": "too many bytes",
        "Small_a.svg": "answer 400",
    }
    kc = write_snapshot(tmp_path, {"Page": [*had, *failed]})
    rows = run(kc, options(server))
    assert {file: row["error"] for file, row in rows.items() if row["error"]} == failed
    assert {file for file, row in rows.items() if row["status"] == "ok"} == set(had)
    for file in had:
        row = rows[file]
        assert (row["width"], row["height"]) == (320, 240)
        assert str(row["mime"]).startswith("image/")
    assert rows["Local_a.jpg"]["url"].startswith(f"{server.url}/wikipedia/en/thumb/")  # type: ignore[union-attr]
    assert "/thumb/" not in str(rows["Small_a.jpg"]["url"])
    assert str(rows["Moved_a.jpg"]["url"]).endswith("?again")
    assert str(rows["Narrow_a.tif"]["url"]).endswith("/lossy-page1-250px-Narrow_a.tif.jpg")
    assert str(rows["Narrow_c.webm"]["url"]).endswith("/250px--Narrow_c.webm.jpg")
    assert "/thumb/" not in str(rows["Narrow_d.jpg"]["url"])
    # The content is in the archive, where the record says.
    layout, plan = Layout(kc), plan_of(kc)
    row = rows["Fine_a.jpg"]
    number = next(n for n in range(2) if row in pq.read_table(layout.part("records", n)).to_pylist())
    content = PartContent(layout, number).read(row)
    assert content.startswith(b"\xff\xd8\xff")
    parts = fetched_parts(layout, plan).values()
    assert sum((Counter(part.failed) for part in parts), Counter()) == Counter(failed.values())


def test_an_answer_that_takes_too_long_is_a_timeout(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Slow_a.jpg", "Fine_a.jpg"]})
    rows = run(kc, options(server), limits=replace(FAST, attempts=1))
    assert {file: row["error"] for file, row in rows.items()} == {"Slow_a.jpg": "timeout", "Fine_a.jpg": ""}
    assert sum("Slow_a" in path for path in server.requests) == 1


def test_nothing_is_asked_for_twice(tmp_path: Path, server: MediaServer) -> None:
    files = [f"Fine_{n}.jpg" for n in range(12)] + ["Missing_a.jpg", "Broken_a.jpg"]
    kc = write_snapshot(tmp_path, {"Page": files})
    first = run(kc, options(server))
    asked = len(server.requests)
    assert run(kc, options(server)) == first
    assert len(server.requests) == asked
    # Failures alone are asked for again, when that is wanted.
    again = run(kc, options(server, retry_failed=True))
    assert {path.split("/")[-2] for path in server.requests[asked:]} == {"Missing_a.jpg", "Broken_a.jpg"}
    assert again == first


def test_a_failure_that_went_away_is_mended(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Shaky_a.jpg", "Fine_a.jpg"]})
    impatient = Limits(megabits_per_second=8000, attempts=1)
    assert run(kc, options(server), limits=impatient)["Shaky_a.jpg"]["error"] == "server error 502"
    rows = run(kc, options(server, retry_failed=True))
    assert [row["status"] for row in rows.values()] == ["ok", "ok"]


def test_connections_and_bandwidth_are_kept(tmp_path: Path, server: MediaServer) -> None:
    server.delay = 0.02
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.png" for n in range(12)]})
    limits = Limits(connections=2, megabits_per_second=1.5)
    started = time.monotonic()
    run(kc, options(server), limits=limits)
    seconds = time.monotonic() - started
    assert server.most_connections == 2
    assert server.bytes_sent > 200_000
    assert server.bytes_sent * 8 / seconds <= 1.5e6 * 1.02


def test_retry_after_holds_the_whole_host(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Busy_a.jpg", *(f"Fine_{n}.jpg" for n in range(6))]})
    started = time.monotonic()
    rows = run(kc, options(server))
    assert time.monotonic() - started >= 1.0
    assert {row["status"] for row in rows.values()} == {"ok"}


def test_a_403_stops_the_host_and_keeps_what_was_had(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Forbidden_a.jpg", *(f"Fine_{n}.jpg" for n in range(40))]})
    with pytest.raises(Stopped, match=r"403.*nothing more is asked"):
        run(kc, options(server))
    asked = Counter(server.requests)
    assert sum("Forbidden" in path for path in asked) == 1
    had = {path for path in asked if "Fine" in path}
    assert len(had) < 40
    # The next run does not ask again for what was had (it may for what was on its way).
    server.requests.clear()
    with pytest.raises(Stopped):
        run(kc, options(server))
    assert len(had & set(server.requests)) <= 4


def test_a_long_pause_ends_the_run_instead(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Busy_a.jpg"]})
    with pytest.raises(Stopped, match="asks to wait 1 s"):
        run(kc, options(server), limits=Limits(longest_pause=0.5))


def test_a_server_that_is_gone_is_not_asked_for_everything(tmp_path: Path) -> None:
    with media_server() as media:
        gone = media
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.jpg" for n in range(50)]})
    limits = Limits(attempts=2, first_delay=0.001, failures_in_a_row=5)
    with pytest.raises(Stopped, match="gave no answer for 5 images in a row"):
        run(kc, options(gone), limits=limits)


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_server_that_refuses_everything_ends_the_run(
    tmp_path: Path, server: MediaServer, status: str
) -> None:
    files = [f"Fine_{n}.jpg" for n in range(60)]
    kc = write_snapshot(tmp_path, {"Page": files})
    server.mode = status
    with pytest.raises(Stopped, match=rf"refused 15 requests in a row \(answer {status}\).* Wait an hour"):
        run(kc, options(server))
    assert 15 <= len(server.requests) <= 17
    # Nothing is marked as failed for it: the same command has everything as soon as the server gives it.
    server.mode = ""
    assert {row["status"] for row in run(kc, options(server)).values()} == {"ok"}


def test_a_server_that_begins_to_refuse_ends_the_run(
    tmp_path: Path, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.jpg" for n in range(60)]})
    begin = MediaServer.begin

    def refuse_later(media: MediaServer, path: str, headers: dict[str, str]) -> int:
        media.mode = "429" if len(media.requests) >= 20 else ""
        return begin(media, path, headers)

    monkeypatch.setattr(MediaServer, "begin", refuse_later)
    with pytest.raises(Stopped, match="nothing is marked as failed"):
        run(kc, options(server))
    monkeypatch.undo()
    server.mode = ""
    asked = len(server.requests)
    assert {row["status"] for row in run(kc, options(server)).values()} == {"ok"}
    assert len(server.requests) - asked == 40


def test_one_image_that_is_always_refused_does_not_end_the_run(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg", "Stubborn_a.jpg"]})
    impatient = Limits(megabits_per_second=8000, first_delay=0.01, attempts=2, connections=1)
    assert run(kc, options(server), limits=impatient)["Stubborn_a.jpg"]["error"] == "too many requests"
    # Not even where nothing else is left to be asked for.
    write_snapshot(kc, {"Page": ["Fine_a.jpg", "Stubborn_a.jpg", "Stubborn_b.jpg"]})
    rows = run(kc, options(server), limits=impatient)
    assert rows["Stubborn_b.jpg"]["error"] == "too many requests"


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("400", r"for 20 images in a row: answer 400 \(the last: http.*look at it in a browser"),
        ("500", r"for 20 images in a row: server error 500"),
        (
            "login",
            r"for 20 images in a row: not an image, it starts with .*<html>.*in a browser: a page for logging",
        ),
        ("elsewhere", r"redirect elsewhere, login\.invalid .* give --redirect-host login\.invalid"),
    ],
)
def test_the_same_answer_for_all_images_ends_the_run(
    tmp_path: Path, server: MediaServer, mode: str, message: str
) -> None:
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.jpg" for n in range(60)]})
    server.mode = mode
    limits = Limits(megabits_per_second=8000, first_delay=0.01, attempts=1, same_failures_in_a_row=20)
    with pytest.raises(Stopped, match=message):
        run(kc, options(server), limits=limits)
    assert len({path.split("/")[-2] for path in server.requests if "/thumb/" in path}) <= 24
    server.mode = ""
    assert {row["status"] for row in run(kc, options(server)).values()} == {"ok"}


def test_failures_that_are_expected_do_not_end_the_run(tmp_path: Path, server: MediaServer) -> None:
    files = [f"Missing_{n}.jpg" for n in range(20)]
    kc = write_snapshot(tmp_path, {"Page": [*files, *(f"Fine_{n}.jpg" for n in range(20))]})
    limits = Limits(megabits_per_second=8000, same_failures_in_a_row=15)
    first = run(kc, options(server), limits=limits)
    assert run(kc, options(server, retry_failed=True), limits=limits) == first


def test_a_run_that_had_nothing_is_an_error(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg", "Fine_b.jpg", "Missing_a.jpg"]})
    server.mode = "elsewhere"
    message = r"none of 3 files could be had \(redirect elsewhere 3\); .*--redirect-host login\.invalid"
    for _ in range(2):
        with pytest.raises(FetchError, match=message):
            run(kc, options(server))
    server.mode = ""
    rows = run(kc, options(server))
    assert {file: row["status"] for file, row in rows.items()}["Fine_a.jpg"] == "ok"
    (tmp_path / "empty").mkdir()
    other = write_snapshot(tmp_path / "other", {"Page": ["Fine_a.jpg"]})
    with pytest.raises(FetchError, match=r"none of 1 files could be had \(not in the folder 1\).*mirror"):
        run(other, FetchOptions(images=str(tmp_path / "empty")))
    with pytest.raises(FetchError, match=r"no links to images"):
        run(write_snapshot(tmp_path / "none", {"Page": []}), options(server))


def test_private_addresses_are_refused_unless_allowed(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg"]})
    for host in ("127.0.0.1", "localhost"):
        how = options(server, images=f"http://{host}:{server.port}", private_addresses=False)
        with pytest.raises(FetchError, match=r"private address 1\); give --private-addresses"):
            run(kc, how)
    assert server.requests == []


def test_redirects_lead_to_hosts_of_the_list_only(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Away_a.jpg", "Fine_a.jpg"]})
    assert run(kc, options(server))["Away_a.jpg"]["error"] == "redirect elsewhere"
    for name in ("elsewhere.invalid", "https://Elsewhere.invalid/"):
        how = options(server, redirect_host=(name,), retry_failed=True)
        assert run(kc, how)["Away_a.jpg"]["error"] == "no connection"


def test_a_password_in_the_address_is_kept_nowhere(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg", "Missing_a.jpg"]})
    run(kc, options(server, images=f"http://me:secret@127.0.0.1:{server.port}"))
    assert all("Authorization" in headers for headers in server.headers)
    assert not any(b"secret" in path.read_bytes() for path in (kc / "images").rglob("*") if path.is_file())


@pytest.mark.parametrize("contact", ["", "me", "mail me", "ü@example.org", "a@example.org\r\nX: y"])
def test_the_public_server_is_not_asked_without_a_contact(tmp_path: Path, contact: str) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg"]})
    with pytest.raises(FetchError, match="--contact"):
        run(kc, FetchOptions(contact=contact))


def test_the_contact_is_in_the_user_agent(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["Fine_a.jpg"]})
    run(kc, options(server, contact="someone@example.org"))
    (agent,) = server.agents
    assert agent.startswith("entity-knowledge-corpus/")
    assert "(someone@example.org)" in agent


def test_ctrl_c_keeps_what_was_had(
    tmp_path: Path, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.delay = 0.02
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.jpg" for n in range(60)]})
    had: list[int] = []
    add = DownloadArchive.add

    def interrupt(archive: DownloadArchive, image: int, outcome: Outcome) -> None:
        add(archive, image, outcome)
        had.append(image)
        if len(had) == 10:
            raise KeyboardInterrupt

    monkeypatch.setattr(DownloadArchive, "add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(kc, options(server))
    monkeypatch.undo()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch")] == []
    before = set(server.requests)
    server.requests.clear()
    rows = run(kc, options(server))
    assert all(row["status"] == "ok" for row in rows.values())
    assert len(before & set(server.requests)) <= 4  # what was on its way when it was stopped


def test_an_archive_with_a_broken_tail_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "part.tar"
    content = encode_as(draw(1), "JPEG")
    with DownloadArchive(path) as archive:
        for image in range(5):
            archive.add(image, Outcome(f"u{image}", "", content, 320, 240, "image/jpeg", "aa"))
        archive.add(9, Outcome("u9", "not found"))
    whole = path.read_bytes()
    for size in (0, 100, 512, len(whole) // 2, len(whole) - 600, len(whole) - 1, len(whole)):
        path.write_bytes(whole[:size] if size != 100 else b"\xff" * 100)
        with DownloadArchive(path) as archive:
            kept = set(archive.outcomes)
            if 5 not in archive.outcomes:
                archive.add(5, Outcome("u5", "not found"))
            for image in set(range(5)) - kept:
                archive.add(image, Outcome(f"u{image}", "", content, 320, 240, "image/jpeg", "aa"))
        with DownloadArchive(path) as archive:  # as the next process finds it
            assert set(archive.outcomes) - {9} == set(range(6))
            for image in range(5):
                kept = archive.outcomes[image]
                assert path.read_bytes()[kept.offset : kept.offset + kept.bytes] == content
    # A tail that is longer than what is written over it does not come back to life.
    path.write_bytes(whole[:-1])
    with DownloadArchive(path) as archive:
        archive.add(9, Outcome("u9", "timeout"))
    assert path.stat().st_size == len(whole)
    path.write_bytes(whole[:512])
    with DownloadArchive(path) as archive:
        pass
    assert path.stat().st_size == 0


def test_an_archive_is_a_tar_file(tmp_path: Path) -> None:
    import tarfile

    path = tmp_path / "part.tar"
    with DownloadArchive(path) as archive:
        archive.add(5, Outcome("u", "", b"content", 1, 1, "image/png", "aa"))
        archive.add(6, Outcome("u", "not found"))
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["5.img", "5.json", "6.json"]


def test_a_refresh_asks_for_new_files_and_drops_vanished_ones(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path, {"Page": [f"Fine_{n}.png" for n in range(10)]})
    first = run(kc, options(server))
    archived = sum(path.stat().st_size for path in (kc / "images/downloads").iterdir())
    server.requests.clear()
    write_snapshot(kc, {"Page": [f"Fine_{n}.png" for n in range(6, 12)]})
    second = run(kc, options(server))
    assert set(second) == {f"Fine_{n}.png" for n in range(6, 12)}
    assert {path.split("/")[-2] for path in server.requests} == {"Fine_10.png", "Fine_11.png"}
    same = ("url", "sha256", "width", "mime")
    assert all(second[f"Fine_{n}.png"][c] == first[f"Fine_{n}.png"][c] for n in range(6, 10) for c in same)
    assert sum(path.stat().st_size for path in (kc / "images/downloads").iterdir()) < archived
    layout = Layout(kc)
    for number in range(2):
        for row in pq.read_table(layout.part("records", number)).to_pylist():
            content = PartContent(layout, number).read(row)
            assert content.startswith(b"\x89PNG")


@pytest.mark.parametrize(("kind", "workers"), [("flat", 1), ("mirror", 1), ("commons", 1), ("mirror", 2)])
def test_images_come_from_a_folder(tmp_path: Path, kind: str, workers: int) -> None:
    kc = write_snapshot(
        tmp_path / "kc", {"Page": ["A_b.jpg", "C.png", "Drawing.svg", "Missing.jpg", "Broken.jpg"]}
    )
    folder = tmp_path / "images"

    def put(
        file: str, content: bytes, thumbnail: bool = False, repository: str = "wikipedia/commons"
    ) -> None:
        place = {
            "flat": folder / (thumbnail_name(file, 500) if thumbnail else file.replace("_", " ")),
            "mirror": folder / repository / ("thumb/" if thumbnail else "") / hash_folders(file) / file,
            "commons": folder / ("thumb/" if thumbnail else "") / hash_folders(file) / file,
        }[kind]
        if thumbnail and kind != "flat":
            place = place / thumbnail_name(file, 500)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    put("A_b.jpg", encode_as(draw(1), "JPEG"))
    put("C.png", encode_as(draw(2), "PNG"), repository="wikipedia/en")
    put("Drawing.svg", b"<svg/>")
    put("Drawing.svg", encode_as(draw(3), "PNG"), thumbnail=True)
    put("Broken.jpg", encode_as(draw(4), "JPEG")[:999])
    rows = run(kc, FetchOptions(images=str(folder), repository="all"), workers=workers)
    errors = {file: row["error"] for file, row in rows.items()}
    assert errors == {
        "A_b.jpg": "",
        "C.png": "",
        "Drawing.svg": "",
        "Missing.jpg": "not in the folder",
        "Broken.jpg": "truncated",
    }
    assert str(rows["A_b.jpg"]["url"]).startswith("file:///")
    assert not (kc / "images/downloads").exists()


def test_what_a_folder_lacks_comes_from_a_server(tmp_path: Path, server: MediaServer) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["Fine_a.jpg", "Fine_b.jpg"]})
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "Fine_a.jpg").write_bytes(encode_as(draw(1), "JPEG"))
    assert run(kc, FetchOptions(images=str(folder)))["Fine_b.jpg"]["status"] == "failed"
    rows = run(kc, options(server, retry_failed=True))
    assert str(rows["Fine_a.jpg"]["url"]).startswith("file:")
    assert str(rows["Fine_b.jpg"]["url"]).startswith("http:")
    assert len(server.requests) == 1


def test_names_never_lead_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(encode_as(draw(1), "JPEG"))
    (tmp_path / "images").mkdir()
    names = [
        "../secret.jpg",
        "..\\secret.jpg",
        "a/../../secret.jpg",
        f"{tmp_path}/secret.jpg",
        "\0.jpg",
        "...jpg",
    ]
    kc = write_snapshot(tmp_path / "kc", {"Page": names})
    plan = plan_of(kc)
    assert plan.files == 0
    assert plan.drops["links"] == {"illegal file name": len(names)}


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg"]})
    with pytest.raises(FetchError, match="no such folder"):
        run(kc, FetchOptions(images=str(tmp_path / "nowhere")))


def test_pipes_and_devices_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    import os

    kc = write_snapshot(tmp_path / "kc", {"Page": ["Pipe.jpg", "Zero.jpg", "Fine.jpg"]})
    folder = tmp_path / "images"
    folder.mkdir()
    os.mkfifo(folder / "Pipe.jpg")
    (folder / "Zero.jpg").symlink_to("/dev/zero")
    (folder / "Fine.jpg").write_bytes(encode_as(draw(1), "JPEG"))
    rows = run(kc, FetchOptions(images=str(folder)))
    assert {file for file, row in rows.items() if row["error"] == "not in the folder"} == {
        "Pipe.jpg",
        "Zero.jpg",
    }
    shutil.rmtree(folder)


def snapshot_of(kc: Path, *files: str) -> Path:
    return write_snapshot(kc, {"Page": files})


def test_the_wikis_own_files_are_left_alone_unless_they_are_asked_for(server, tmp_path):  # type: ignore[no-untyped-def]
    kc = snapshot_of(tmp_path / "kc", "Fine_a.jpg", "Local_b.jpg", "Missing_c.jpg")

    def columns(repository: str) -> dict[str, tuple[object, object]]:
        rows = rights_run(kc, options(server, repository=repository))
        return {file: (row["error"], row["repository"]) for file, row in rows.items()}

    shared = {
        "Fine_a.jpg": ("", "commons"),
        "Local_b.jpg": ("not in the shared repository", ""),
        "Missing_c.jpg": ("not in the shared repository", ""),
    }
    assert columns("commons") == shared
    assert not any("/wikipedia/en/" in path for path in server.requests)
    every = {**shared, "Local_b.jpg": ("", "wiki"), "Missing_c.jpg": ("not found", "")}
    assert columns("all") == every
    asked = len(server.requests)
    assert columns("commons") == {**shared, "Missing_c.jpg": ("not found", "")}
    assert columns("all") == every
    assert len(server.requests) == asked, "what was had is not asked for again"


def test_of_a_mirror_the_wikis_own_files_are_counted_and_left_alone(tmp_path):  # type: ignore[no-untyped-def]
    kc = snapshot_of(tmp_path / "kc", "A.jpg", "B.jpg", "C.jpg")
    for repository, file in (("wikipedia/commons", "A.jpg"), ("wikipedia/en", "B.jpg")):
        place = tmp_path / "mirror" / repository / hash_folders(file) / file
        place.parent.mkdir(parents=True)
        place.write_bytes(encode_as(draw(1), "JPEG"))
    mirror = str(tmp_path / "mirror")
    for repository, error, where in (("commons", "not in the shared repository", ""), ("all", "", "wiki")):
        rows = rights_run(kc, FetchOptions(images=mirror, repository=repository))  # type: ignore[arg-type]
        assert [(row["error"], row["repository"]) for _, row in sorted(rows.items())] == [
            ("", "commons"),
            (error, where),
            ("not in the folder", ""),
        ]


def rights_run(kc: Path, how: FetchOptions) -> dict[str, dict[str, object]]:
    """Fetch as a build does, under the rights that the options give."""
    layout = Layout(kc)
    plan = with_rights(plan_of(kc), how.repository)
    with layout.place(), Engine(1) as engine:
        stage = Fetch(layout, plan, how, "wikipedia/en", engine, QUIET, limits=FAST, max_seconds=3.0)
        if not stage.is_current():
            stage.run()
    return records(kc, plan)
