"""Renders one call as the extractor does: arguments cut at pipes, positional ones numbered."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import pytest

from pipelines.wikitext.marks import ITALIC
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates import TemplateCall, find_renderer, normalise_template_name

SITE = Site(date=datetime.date(2022, 3, 4))
# A pipe outside of links.
_PIPE = re.compile(r"\|(?![^\[\]]*\]\])")


def call(source: str) -> TemplateCall:
    """Reads ``name|a|b=c``; templates inside it are not expanded."""
    name, *parts = _PIPE.split(source)
    arguments: dict[str, str] = {}
    position = 0
    for part in parts:
        key, equals, value = part.partition("=")
        if equals and "<" not in key:
            arguments[key.strip()] = value.strip()
        else:
            position += 1
            arguments[str(position)] = part
    return TemplateCall(normalise_template_name(name), arguments, "Page", SITE)


def render_call(source: str) -> str | None:
    """Gives what the renderer of ``name|a|b`` gives, italics as two apostrophes; fails where there is none."""
    template = call(source)
    renderer = find_renderer(template.name)
    assert renderer is not None, f"no renderer for {template.name!r}"
    result = renderer(template)
    return None if result is None else result.replace(ITALIC, "''")


@pytest.fixture(scope="session")
def render() -> Callable[[str], str | None]:
    """Gives the function that renders ``name|a|b``."""
    return render_call
