"""Chromium, driven by Playwright on loopback; where it is missing tests are skipped, in .ci/run they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.corpus_service import RunningService, running_service


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("no Chromium here: apt-get install chromium")
        pytest.skip("no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def explored(invented: Path, name: str) -> list[object]:
    """The options that show a data set of the invented corpus with its cache and its run."""
    return [
        "--kc", invented / "kc", "--cache", invented / "caches" / name, "--run", invented / "runs" / name,
        "--images", invented / name / "images",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def site(invented: Path) -> Iterator[RunningService]:
    with running_service(*explored(invented, "posts"), module="pipelines.explore") as running:
        yield running


@pytest.fixture(scope="session")
def relations(invented: Path) -> Iterator[RunningService]:
    with running_service(*explored(invented, "pairs"), module="pipelines.explore") as running:
        yield running


@contextmanager
def opened_page(browser, site: RunningService):
    """A page that fails the test for an error on its console or a request that leaves this machine."""
    context = browser.new_context(base_url=site.address)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith((site.address, "data:")) else troubles.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert troubles == []


@pytest.fixture
def page(browser, site: RunningService):
    with opened_page(browser, site) as opened:
        yield opened


@pytest.fixture
def relation_page(browser, relations: RunningService):
    with opened_page(browser, relations) as opened:
        yield opened
