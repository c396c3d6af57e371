"""The project's own cases of wikitext: what MediaWiki shows for each, text and links."""

import importlib.util
from pathlib import Path

import pytest

from pipelines.wikitext import extract_article


def _read_cases():
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for wikitext, text, links in module.CASES:
            yield pytest.param(wikitext, text, links, id=f"{path.stem}-{wikitext!r}")


@pytest.mark.parametrize(("wikitext", "text", "links"), list(_read_cases()))
def test_text_and_links(wikitext, text, links):
    article = extract_article(wikitext, title="Page")
    assert " ¶ ".join(paragraph.text for paragraph in article.paragraphs) == text
    assert [
        (paragraph.text[anchor.start : anchor.end], anchor.title)
        for paragraph in article.paragraphs
        for anchor in paragraph.anchors
    ] == links
