"""The explorer in a real browser."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from kc_schema.retrieval_cache import open_cache
from kc_schema.run_files import open_run_files
from tests.pipelines.image_index.conse import photographs
from tests.services.corpus_service import RunningService

pytestmark = [pytest.mark.service, pytest.mark.torch, pytest.mark.xdist_group("the invented corpus")]

QUESTION = "the striped cat at the quay"
LOOK = f"/look?q={quote(QUESTION)}"
EXAMPLE = "/examples/test/test-1"


def test_search_marks_the_sentence_and_says_what_each_word_adds(page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/look?*")
    first = page.locator(".hits > li").first
    assert first.get_by_role("heading").inner_text() == "Marlow (cat)"
    assert (
        "Marlow is a striped cat that lives at the quay of Port Ellery."
        in first.locator(".text").inner_text()
    )
    found = "".join(first.locator(".found").all_inner_texts())
    assert found == "Marlow is a striped cat that lives at the quay of Port Ellery."
    assert first.locator(".word").all_inner_texts() == ["striped", "cat", "at", "the", "quay"]
    score, *shares = re.findall(r"\d+\.\d+", first.locator(".words").inner_text())
    assert sum(map(float, shares)) == pytest.approx(float(score), abs=0.05)
    images = page.locator(".pictures > li")
    assert images.first.get_by_role("heading").inner_text() == "Marlow (cat)"
    page.wait_for_function("document.querySelector('.pictures img').naturalWidth > 50")


def test_an_anchor_leads_to_its_article_and_back_by_what_links_there(page) -> None:
    page.goto(LOOK)
    page.locator(".text").first.get_by_role("link", name="Port Ellery").click()
    page.wait_for_url("**/article/Port_Ellery")
    assert page.get_by_role("heading", level=1).inner_text() == "Port Ellery"
    assert page.get_by_role("heading", name="History").is_visible()
    page.locator("aside").get_by_role("link", name="Rowan Garden").click()
    page.wait_for_url("**/article/Rowan%20Garden")
    page.goto("/article/Marlow")
    assert "redirected from Marlow" in page.locator(".bar").inner_text()


def test_an_image_is_uploaded_and_its_address_can_be_shared(page, site: RunningService) -> None:
    page.goto("/")
    page.get_by_label("Or an image").set_input_files(photographs()["coffee"])
    page.get_by_role("button", name="Find images like it").click()
    page.wait_for_url("**/look?picture=*")
    assert page.locator(".pictures h3").first.inner_text() == "Harbour Coffee"
    page.wait_for_function("document.querySelector('img.asked').naturalWidth > 50")
    assert site.get(page.url.removeprefix(site.address)).status == 200
    page.locator(".pictures a").first.click()
    page.wait_for_url("**/look?image=*")
    assert page.locator(".pictures h3").first.inner_text() == "Harbour Coffee"


def test_an_image_is_dropped_anywhere_on_the_first_page(page) -> None:
    page.goto("/")
    content = base64.b64encode(photographs()["coffee"].read_bytes()).decode()
    page.evaluate(
        """content => {
            const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
            document.querySelector("h1").dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data}));
        }""",
        content,
    )
    page.wait_for_url("**/look?picture=*")
    assert page.locator(".pictures h3").first.inner_text() == "Harbour Coffee"


def test_pages_work_without_scripts(browser, site: RunningService) -> None:
    context = browser.new_context(base_url=site.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill(QUESTION)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Port Ellery").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Port Ellery"
    page.goto(EXAMPLE)
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/test-2**")
    page.get_by_role("link", name="As JSON").click()
    page.wait_for_url("**format=json")
    context.close()


def test_what_is_no_image_is_told(page, site: RunningService, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no image")
    answer = site.ask(
        "POST", "/look",
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nno\r\n--x--\r\n',
        {"Content-Type": "multipart/form-data; boundary=x"},
    )  # fmt: skip
    assert answer.status == 422
    assert b"not an image" in answer.body


def test_examples_are_stepped_through_under_a_filter(page) -> None:
    page.goto("/examples")
    assert page.locator(".lines li").count() == 7
    page.get_by_label("Right").select_option("moe")
    page.get_by_label("Wrong").select_option("baseline")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**right=moe&wrong=baseline**")
    chosen = page.locator(".lines li")
    assert 0 < chosen.count() < 7
    for line in chosen.all():
        assert "✓ moe" in line.inner_text()
        assert "✗ baseline" in line.inner_text()
    count = chosen.count()
    chosen.first.get_by_role("link").click()
    page.wait_for_url("**/examples/test/**")
    assert f"1 of {count} in test" in page.locator(".bar").inner_text()
    seen = [page.url]
    while page.locator("a[rel=next]").count():
        page.keyboard.press("j")
        page.wait_for_url(lambda url: url != seen[-1])
        seen.append(page.url)
    assert len(seen) == count
    page.keyboard.press("k")
    page.wait_for_url(seen[-2])


def test_an_example_shows_gold_labels_weights_and_evidence_by_source(page) -> None:
    page.goto(EXAMPLE)
    assert page.locator(".sentence mark").all_inner_texts() == ["Marlow B-PER", "Port B-LOC", "Ellery I-LOC"]
    said = page.get_by_role("region", name="What the experts say")
    head = said.locator("thead th").all_inner_texts()
    assert head[:2] == ["word", "gold"]
    assert [name.split()[0] for name in head[2:]] == ["baseline", "text", "image", "moe"]
    weights = [float(x) for x in re.findall(r"\d\.\d\d", page.get_by_text("Weights in moe").inner_text())]
    assert sum(weights) == pytest.approx(1, abs=0.02)
    sources = page.locator(".sources h3").all_inner_texts()
    assert [name.split()[0] for name in sources] == ["image", "random_text", "sentence_image", "text"]
    page.wait_for_function("document.querySelector('.example img').naturalWidth > 50")


@pytest.mark.parametrize("address", ["/", LOOK, "/article/Port_Ellery", EXAMPLE, "/examples?label=PER"])
def test_every_view_is_copied_as_json(page, site: RunningService, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Copy as JSON").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == site.get(f"{address}{'&' if '?' in address else '?'}format=json").json


def test_the_keyboard_is_enough(page) -> None:
    page.goto("/article/Port_Ellery")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.keyboard.press("/")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/look?*")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.hits h3 a')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/article/**")


@pytest.mark.parametrize("address", ["/", LOOK, "/article/Port_Ellery", "/examples", EXAMPLE])
def test_a_telephone_shows_it_without_scrolling_sideways(page, address: str) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_and_light(page) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(LOOK)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


@pytest.mark.parametrize(
    "query",
    ["<script>document.title='broken'</script>", '"><img src=x onerror="document.title=1">', "\u202eturned around",
     "{{ 7 * 7 }}", "a\x00b", "name \u2066 isolate"],
)  # fmt: skip
def test_hostile_sentences_are_shown_as_they_are(page, query: str) -> None:
    page.goto(f"/look?q={quote(query)}")
    assert page.title().endswith("– knowledge corpus")
    assert page.evaluate("document.querySelectorAll('main script, main img[src=x]').length") == 0
    assert "49" not in page.get_by_role("heading", level=1).inner_text()


def test_hostile_text_of_the_corpus_is_shown_as_it_is(page) -> None:
    page.goto("/article/Odd_names")
    assert "<script>document.title = 'broken'</script>" in page.locator("article").inner_text()
    assert page.title() == "Odd names – knowledge corpus"


def test_a_sentence_of_100_kilobytes_is_told_to_be_too_long(page, site: RunningService) -> None:
    answer = site.get("/look?q=" + "word+" * 20_000)
    assert answer.status == 422
    assert b"100,000 characters; a sentence may have 10,000" in answer.body
    assert b"word word" not in answer.body


def test_missing_things_are_pages_too(page, site: RunningService) -> None:
    for address in (
        "/article/Nobody",
        "/examples/test/none",
        "/look?image=5",
        "/look?picture=gone",
        "/pictures/test/x",
    ):
        answer = site.get(address)
        assert answer.status == 404, address
        assert b"That did not work" in answer.body
        told = site.get(f"{address}{'&' if '?' in address else '?'}format=json")
        assert told.status == 404
        assert "/" not in told.error or told.error.startswith("no example"), (
            "no folder of the machine is named"
        )
    for address in ("/nothing", "/nothing/at/all", "/favicon.ico"):
        assert b"That did not work" in site.get(address, Accept="text/html,*/*").body
        assert site.get(address).json == {"error": "Not Found"}
    for address in (
        "/examples?split=none",
        "/examples?right=nobody",
        "/examples?leak=perhaps",
        "/look?q=x&find=all",
        "/examples?seed=9",
        "/examples?seed=x",
        "/examples?differ=nobody",
    ):
        assert site.get(address).status == 422, address


def test_pages_forbid_what_they_do_not_need(site: RunningService) -> None:
    for address in ("/", LOOK, "/article/Nobody"):
        policy = site.get(address).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def rows_of(table) -> list[list[str]]:
    """The text of a table's body, cell by cell."""
    return [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]


def test_a_relation_is_shown_with_its_entities_and_what_every_expert_says(
    relation_page, invented: Path
) -> None:
    page = relation_page
    page.goto("/examples/test/test-2")
    # The object stands before the subject.
    assert page.locator(".sentence mark").all_inner_texts() == ["Rowan Garden object", "Ada subject"]
    assert "Gold: /per/loc/guest_of" in page.locator(".example").inner_text()
    run = open_run_files(invented / "runs" / "pairs", open_cache(invented / "caches" / "pairs"))
    for seed in run.seeds:
        page.get_by_role("link", name=f"seed {seed}").click()
        page.locator(f"nav a[aria-current]:text-is('seed {seed}')").wait_for()
        said = run.verdicts("test", seed)["test-2"]
        signs = {True: "✓", False: "✗"}
        assert rows_of(page.get_by_role("region", name="What the experts say")) == [
            [v.variant, f"{signs[v.right]} {v.labels[0]}", f"{v.confidence[0]:.2f}"] for v in said
        ]
        shown = re.findall(r"(\w+) +(\d\.\d\d)", page.get_by_text("Weights in moe").inner_text())
        assert [(name, float(weight)) for name, weight in shown] == [
            (name, pytest.approx(weight, abs=0.006)) for name, weight in said[-1].weights
        ]
    page.wait_for_function("document.querySelector('.example img').naturalWidth > 50")


def test_seeds_that_disagree_are_seen(relation_page, invented: Path) -> None:
    page = relation_page
    run = open_run_files(invented / "runs" / "pairs", open_cache(invented / "caches" / "pairs"))
    by_seed = [run.verdicts("test", seed) for seed in run.seeds]

    def said(number: str, variant: str) -> list[str]:
        return [v.labels[0] for found in by_seed for v in found[number] if v.variant == variant]

    page.goto("/examples")
    page.get_by_label("Seeds differ in").select_option("image")
    page.get_by_label("Seed", exact=True).select_option("2")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**seed=2**")
    split = [number for number in by_seed[0] if len(set(said(number, "image"))) > 1]
    assert 0 < len(split) < 6
    assert page.locator(".lines li").count() == len(split)
    right = sum(v.right is True for found in by_seed for v in found[split[0]] if v.variant == "image")
    assert f"image {right}/3" in page.locator(".lines li").first.inner_text()
    page.locator(".lines a").first.click()
    page.wait_for_url("**/examples/test/**")
    assert page.locator("nav a[aria-current]").inner_text() == "seed 2"
    rows = {row[0].split()[0]: row for row in rows_of(page.get_by_role("region", name="Between seeds"))}
    for variant in run.variants:
        answers = said(split[0], variant)
        assert [cell.split()[1] for cell in rows[variant][1:]] == answers
        assert ("seeds differ" in rows[variant][0]) == (len(set(answers)) > 1)
    # What is marked is what seed 2 does not say.
    marked = page.get_by_role("region", name="Between seeds").locator("mark").count()
    assert marked == sum(label != said(split[0], v)[1] for v in run.variants for label in said(split[0], v))


def test_relations_are_filtered_and_hostile_ones_are_text(relation_page) -> None:
    page = relation_page
    page.goto("/examples")
    page.get_by_label("Relation").select_option("/per/misc/<i>hates</i>")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**label=**")
    assert page.locator(".lines a").all_inner_texts() == ["<script>Marlow</script> hates <b>mopeds</b>"]
    page.locator(".lines a").first.click()
    page.wait_for_url("**/examples/test/**")
    assert page.locator(".sentence mark").all_inner_texts() == [
        "<script>Marlow</script> subject", "<b>mopeds</b> object",
    ]  # fmt: skip
    assert page.locator("main b").first.inner_text() == "/per/misc/<i>hates</i>"
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_seed_of_a_sentence_with_entities_is_chosen_too(page) -> None:
    page.goto(f"{EXAMPLE}?seed=2&wrong=baseline")
    page.get_by_role("link", name="seed 3").click()
    page.wait_for_url("**seed=3**")
    assert "wrong=baseline" in page.url
    rows = rows_of(page.get_by_role("region", name="Between seeds"))
    assert [row[0].split()[0] for row in rows] == ["baseline", "text", "image", "moe"]
    assert rows[1][1:] == ["✓ PER Marlow, LOC Port Ellery"] * 3


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core (MPL-2.0), from npm's registry."""
    import subprocess

    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("no npm here: apt-get install npm")
        pytest.skip("no npm here: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4.10.3"],
        cwd=folder, check=True, timeout=300,
    )  # fmt: skip
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shown", ["page", "relation_page"])
def test_no_serious_fault_of_accessibility(request, axe: str, shown: str, scheme: str) -> None:
    page = request.getfixturevalue(shown)
    page.emulate_media(color_scheme=scheme)
    addresses = ["/", LOOK, "/article/Port_Ellery", "/article/Odd_names"] if shown == "page" else []
    for address in (*addresses, "/examples", EXAMPLE):
        page.goto(address)
        page.evaluate(axe)  # by the debugger's way in, which the page's policy does not bind
        found = page.evaluate("axe.run()")["violations"]
        serious = [
            (fault["id"], [node["target"] for node in fault["nodes"]][:3])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == [], address
