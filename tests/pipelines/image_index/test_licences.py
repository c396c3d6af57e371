"""Rights of images: what the API says of a file, told as it is, and images kept by their licences."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

pytest.importorskip("requests")
pytest.importorskip("PIL")

from kc_schema.image_manifest import read_image_manifest
from kc_schema.image_tables import LICENCES
from kc_schema.snapshot import open_snapshot
from pipelines.build_image_kc import main
from pipelines.engine import Engine
from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.fetching.politeness import Limits
from pipelines.image_index.file_names import hash_folders
from pipelines.image_index.layout import Layout
from pipelines.image_index.licences.metadata import classify_licence, describe_file, plain_text
from pipelines.image_index.licences.stage import LicenceOptions, Licences, licence_parts
from pipelines.image_index.plan import make_plan
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as
from tests.services.wiki_api import WikiApiServer, wiki_api

QUIET = Console(quiet=True)
FAST = Limits(connections=1, first_delay=0.01, longest_delay=0.02, attempts=3, refusals_in_a_row=5)
BY_SA = {
    "LicenseShortName": "CC BY-SA 3.0",
    "License": "cc-by-sa-3.0",
    "LicenseUrl": "https://creativecommons.org/licenses/by-sa/3.0",
    "UsageTerms": "Creative Commons Attribution-Share Alike 3.0",
    "Artist": '<a href="//commons.wikimedia.org/wiki/User:Ada" title="User:Ada">Ada &amp; <b>Co.</b></a>',
    "Credit": '<span class="int-own-work" lang="en">Own work</span>',
    "Restrictions": "",
}


@pytest.mark.parametrize(
    ("code", "name", "kind"),
    [
        ("cc-by-sa-3.0", "CC BY-SA 3.0", "cc-by-sa"),
        ("cc-by-sa-4.0,3.0,2.5,2.0,1.0", "CC BY-SA 4.0-3.0-2.5-2.0-1.0", "cc-by-sa"),
        ("cc-by-2.5-in", "CC BY 2.5 in", "cc-by"),
        ("", "Creative Commons Attribution 4.0", "cc-by"),
        ("", "Creative Commons Attribution-Share Alike 4.0", "cc-by-sa"),
        ("cc0", "CC0", "cc0"),
        ("cc-zero", "", "cc0"),
        ("pd", "Public domain", "public-domain"),
        ("", "PD-US-expired", "public-domain"),
        ("", "CC BY-NC-SA 2.0", "other"),
        ("cc-by-nd-4.0", "", "other"),
        ("gfdl", "GFDL", "other"),
        ("", "GFDL, CC BY-SA 3.0", "cc-by-sa"),
        ("", "CC BY-SA 3.0 or CC BY 2.0", "cc-by"),
        ("", "FAL", "other"),
        ("", "No restrictions", "other"),
        ("", "", "unknown"),
        ("", "  ", "unknown"),
    ],
)
def test_licences_are_told_by_code_and_name(code: str, name: str, kind: str) -> None:
    assert classify_licence(code, name) == kind


def test_what_is_used_without_a_licence_is_not_free() -> None:
    assert (
        describe_file({"LicenseShortName": {"value": "Fair use"}, "NonFree": {"value": "true"}})["licence"]
        == "not-free"
    )
    assert describe_file({})["licence"] == "unknown"
    assert (
        describe_file({"License": {"value": None}, "Artist": 7, "LicenseShortName": ["x"]})["licence"]
        == "other"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>one<br>two</p>\n three", "one two three"),
        ("a &lt;b&gt; &amp; <a href='x'>c</a>", "a <b> & c"),
        ("<script>alert(1)</script>x<style>y{}</style>", "x"),
        ('<span style="display: none">hidden <span>more</span></span>shown', "shown"),
        ("<b>never closed", "never closed"),
        ("5 < 6 & more", "5 < 6 & more"),
        ("", ""),
        ("<i>" * 3000 + "deep", "deep"),
    ],
)
def test_html_becomes_what_a_reader_sees(html: str, text: str) -> None:
    assert plain_text(html) == text
    assert len(plain_text("x" * 9999)) == 2000


def ask(
    kc: Path, api: WikiApiServer, *, own: WikiApiServer | None = None, part_bits: int = 1
) -> dict[str, dict[str, object]]:
    """Run the stage; return the table's rows by file."""
    layout = Layout(kc)
    plan = make_plan(open_snapshot(kc), layout, kinds=["jpeg"], part_bits=part_bits)
    options = LicenceOptions(
        commons_api=api.url, wiki_api=own.url if own else None, seconds_between_requests=0
    )
    fetching = FetchOptions(private_addresses=True, repository="all" if own else "commons", contact="a@b.org")
    with layout.place():
        stage = Licences(
            layout, plan, options, fetching, "https://en.wikipedia.org/wiki/Main_Page", QUIET, FAST
        )
        stage.check()
        if not stage.is_current():
            stage.run()
        assert stage.is_current()
    rows = [
        row
        for number in range(1 << part_bits)
        for row in pq.read_table(layout.part("licences", number), schema=LICENCES).to_pylist()
    ]
    return {row["file"]: row for row in rows}


def test_every_file_is_told_as_the_wiki_has_it(tmp_path: Path) -> None:
    kc = write_snapshot(
        tmp_path / "kc", {"Page": ["A_b.jpg", "Old.jpg", "Gone.jpg", "Silent.jpg", "Own.jpg", "N.jpg"]}
    )
    own_files = {"Own.jpg": {"LicenseShortName": "Fair use", "NonFree": "true"}, "N.jpg": BY_SA}
    commons = {
        "A b.jpg": BY_SA,
        "New name.jpg": {"LicenseShortName": "CC0", "License": "cc0"},
        "Silent.jpg": None,
    }
    with wiki_api(commons, redirects={"Old.jpg": "New name.jpg"}) as api, wiki_api(own_files) as own:
        rows = ask(kc, api, own=own)
    columns = ("repository", "status", "renamed_to", "licence")
    assert {file: tuple(row[column] for column in columns) for file, row in rows.items()} == {
        "A_b.jpg": ("commons", "ok", "", "cc-by-sa"),
        "Old.jpg": ("commons", "renamed", "New_name.jpg", "cc0"),
        "Gone.jpg": ("", "missing", "", "unknown"),
        "Silent.jpg": ("commons", "no metadata", "", "unknown"),
        "Own.jpg": ("wiki", "ok", "", "not-free"),
        "N.jpg": ("wiki", "ok", "", "cc-by-sa"),
    }
    assert rows["A_b.jpg"]["author"] == "Ada & Co."
    assert rows["A_b.jpg"]["credit"] == "Own work"
    assert rows["A_b.jpg"]["description_url"] == "http://127.0.0.1/wiki/File:A_b.jpg"
    assert all("a@b.org" in agent for agent in api.agents)
    asked = {title for titles in own.requests for title in titles}
    assert asked == {"File:Gone.jpg", "File:Own.jpg", "File:N.jpg"}, "the wiki is asked for the rest alone"


def test_answers_go_on_and_no_request_is_too_large(tmp_path: Path) -> None:
    names = [f"Picture {number}.jpg" for number in range(130)]
    long = [f"{'ü' * 90} {number}.jpg" for number in range(40)]
    kc = write_snapshot(tmp_path / "kc", {"Page": [name.replace(" ", "_") for name in (*names, *long)]})
    with wiki_api(dict.fromkeys((*names, *long), BY_SA), files_an_answer=7) as api:
        rows = ask(kc, api, part_bits=0)
    assert len(rows) == 170
    assert {row["licence"] for row in rows.values()} == {"cc-by-sa"}
    assert max(map(len, api.requests)) <= 50
    asked = {title for titles in api.requests for title in titles}
    assert len(asked) == 170


def test_a_server_that_is_busy_is_waited_for(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg"]})
    with wiki_api({"A.jpg": BY_SA}, moods=["maxlag", "429", "maxlag", "503", "500"]) as api:
        assert ask(kc, api)["A.jpg"]["licence"] == "cc-by-sa"
        assert not api.moods


@pytest.mark.parametrize(
    ("moods", "message"),
    [
        (["429"] * 9, "refused 5 requests in a row"),
        (["maxlag"] * 9, "refused 5 requests in a row"),
        (["500"] * 9, "answer 500"),
        (["403"], "answer 403; is it the address of a MediaWiki API"),
        (["html"], "answers no JSON"),
        (["error"], "complains: .*internal_api_error"),
    ],
)
def test_a_server_that_gives_no_answer_ends_the_run_and_it_goes_on(
    tmp_path: Path, moods: list[str], message: str
) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": [f"{n}.jpg" for n in range(12)]})
    with wiki_api({f"{n}.jpg": BY_SA for n in range(12)}, moods=["", *moods]) as api:
        with pytest.raises(FetchError, match=message):
            ask(kc, api)
        layout = Layout(kc)
        plan = make_plan(open_snapshot(kc), layout, kinds=["jpeg"], part_bits=1)
        assert len(licence_parts(layout, plan)) == 1, "the first part is finished"
        first = set(api.requests[0])
        api.moods.clear()
        assert len(ask(kc, api)) == 12
        assert not first & set(api.requests[-1])


def test_only_new_files_are_asked_for_after_a_refresh(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg", "Gone.jpg"]})
    with wiki_api({"A.jpg": BY_SA, "B.jpg": BY_SA}) as api:
        ask(kc, api, part_bits=0)
        write_snapshot(kc, {"Page": ["A.jpg", "B.jpg", "Gone.jpg"]})
        assert ask(kc, api, part_bits=0).keys() == {"A.jpg", "B.jpg", "Gone.jpg"}
    assert sorted(api.requests[-1]) == ["File:B.jpg", "File:Gone.jpg"]


def test_images_are_kept_by_their_licences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["Sa.jpg", "Zero.jpg", "Nc.jpg", "Silent.jpg", "Gone.jpg"]
    kc = write_snapshot(tmp_path / "kc", {"Page": files})
    for file in files:
        place = tmp_path / "mirror" / "wikipedia/commons" / hash_folders(file) / file
        place.parent.mkdir(parents=True)
        place.write_bytes(encode_as(draw(len(file)), "JPEG"))
    said = {
        "Sa.jpg": BY_SA,
        "Zero.jpg": {"License": "cc0"},
        "Nc.jpg": {"License": "cc-by-nc-2.0"},
        "Silent.jpg": None,
    }
    with wiki_api(said) as api:

        def build(*more: str) -> dict[str, str]:
            arguments = [
                "--kc",
                str(kc),
                "--images",
                str(tmp_path / "mirror"),
                "--workers",
                "1",
                "--private-addresses",
            ]
            arguments += [
                "--commons-api",
                api.url,
                "--seconds-between-requests",
                "0",
                "--stage",
                "fetch",
                *more,
            ]
            assert main(arguments) == 0
            rows = pq.read_table(Layout(kc).part("records", 0)).to_pylist()
            return {row["file"]: row["error"] for row in rows}

        assert build("--licences", "cc0,cc-by-sa") == {
            "Sa.jpg": "",
            "Zero.jpg": "",
            "Nc.jpg": "licence other",
            "Silent.jpg": "licence unknown",
            "Gone.jpg": "licence unknown: file is missing",
        }
        asked = len(api.requests)
        manifest = read_image_manifest(kc)
        assert manifest.source.licences == ("cc-by-sa", "cc0")
        assert manifest.drops["images"] == {
            "licence other": 1, "licence unknown": 1, "licence unknown: file is missing": 1,
        }  # fmt: skip
        assert manifest.counts["files, licence cc-by-sa"] == 1
        assert manifest.counts["files, missing"] == 1
        assert "licence other" in capsys.readouterr().out
        assert build("--licences", "cc0")["Sa.jpg"] == "licence cc-by-sa"
        assert set(build().values()) == {""}, "without the option any licence will do"
        assert len(api.requests) == asked
    assert main(["--kc", str(kc), "--licences", "unknown"]) == 2
    assert "give some of public-domain" in capsys.readouterr().err


def test_the_stage_alone_leaves_the_corpus_as_it_is(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg"]})
    with wiki_api({"A.jpg": BY_SA}) as api, Engine(1):
        arguments = ["--kc", str(kc), "--stage", "licences", "--commons-api", api.url, "--private-addresses"]
        assert main([*arguments, "--workers", "1"]) == 0
        before = len(api.requests)
        assert main([*arguments, "--workers", "1"]) == 0
        assert len(api.requests) == before
    manifest = read_image_manifest(kc)
    assert set(manifest.tables) == {"articles", "licences"}
    assert manifest.source.licences is None
