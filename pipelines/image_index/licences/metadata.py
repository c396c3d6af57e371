"""What the API says of a file, as plain text and as one of a few kinds of licence. Pure.

The fields are those of ``extmetadata`` (https://www.mediawiki.org/wiki/Extension:CommonsMetadata): HTML, made from the
templates of the file's page, any of them missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from kc_schema.entity_tables import clean_name

__all__ = ["FIELDS", "classify_licence", "describe_file", "plain_text"]

FIELDS = (
    "LicenseShortName",
    "License",
    "LicenseUrl",
    "UsageTerms",
    "Artist",
    "Credit",
    "Attribution",
    "Restrictions",
    "NonFree",
)
"""Fields that are asked for."""
_LONGEST = 2000
"""Characters of a field that are kept."""
_HIDDEN = ("script", "style")
_SEPARATORS = re.compile(r"\s*(?:[|;/]|,(?!\d)|\s+(?:and|or|und|oder|et|ou)\s+)\s*", re.IGNORECASE)
_PUBLIC_DOMAIN = re.compile(r"pd(?:-.*)?|public-?domain.*|cc-pd.*|cc-public-domain.*|pdm(?:-.*)?")
_ORDER = ("public-domain", "cc0", "cc-by", "cc-by-sa", "other")
"""Of several licences a user may choose; what asks least comes first."""


def plain_text(html: str) -> str:
    """Return what a reader sees of a piece of HTML, with single spaces, at most 2,000 characters."""
    if "<" in html or "&" in html:
        parser = _Text()
        parser.feed(html)
        parser.close()
        html = "".join(parser.pieces)
    return clean_name(html)[:_LONGEST]


class _Text(HTMLParser):
    """Collects the text of a piece of HTML, well-formed or not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        shown = dict(attrs).get("style") or ""
        if tag in _HIDDEN or (self._hidden and tag == "span") or "display:none" in shown.replace(" ", ""):
            self._hidden += tag in _HIDDEN or tag == "span"
        elif tag in ("br", "p", "div", "li", "td", "tr"):
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and (tag in _HIDDEN or tag == "span"):
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def classify_licence(code: str, name: str, *, non_free: bool = False) -> str:
    """Return ``public-domain``, ``cc0``, ``cc-by``, ``cc-by-sa``, ``other``, ``not-free`` or ``unknown``.

    Args:
        code: the field ``License``, such as ``cc-by-sa-3.0``.
        name: the field ``LicenseShortName``, such as ``CC BY-SA 3.0``.
        non_free: whether the file's page says that it is used without a licence.

    Licences that forbid commercial use or changes are ``other``. Of several licences the one that asks least counts,
    for users may choose among them.
    """
    if non_free:
        return "not-free"
    found = {_kind(piece) for text in (code, name) for piece in _SEPARATORS.split(text) if piece.strip()}
    return next((kind for kind in _ORDER if kind in found), "unknown")


def _kind(text: str) -> str:
    words = re.sub(r"[\s_]+", "-", text.strip().lower())
    words = re.sub(r"^creative-commons-", "cc-", words)
    if re.fullmatch(r"cc-?(?:0|zero)(?:-.*)?", words):
        return "cc0"
    if _PUBLIC_DOMAIN.fullmatch(words):
        return "public-domain"
    if not re.match(r"cc-(?:by|attribution)(?:-|$)", words) or re.search(
        r"-(?:nc|nd|noncommercial|noderiv\w*)\b", words
    ):
        return "other"
    return "cc-by-sa" if re.search(r"-(?:sa|share-?alike)\b", words) else "cc-by"


def describe_file(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of the table of licences that ``extmetadata`` gives; what it lacks is empty."""
    values = {name: _value(metadata.get(name)) for name in FIELDS}
    name = values["LicenseShortName"] or values["UsageTerms"]
    non_free = values["NonFree"].lower() in ("true", "1", "yes")
    return {
        "licence": classify_licence(values["License"], name, non_free=non_free),
        "licence_name": name,
        "licence_url": values["LicenseUrl"],
        "author": values["Artist"],
        "credit": values["Credit"],
        "attribution": values["Attribution"],
        "usage_terms": values["UsageTerms"],
        "restrictions": values["Restrictions"],
    }


def _value(field: Any) -> str:
    value = field.get("value") if isinstance(field, Mapping) else field
    return plain_text(value) if isinstance(value, str) else "" if value is None else str(value)
