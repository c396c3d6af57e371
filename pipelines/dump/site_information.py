"""What a dump says of its wiki, from the ``<siteinfo>`` at the head of its first file."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from kc_schema.store import as_path
from pipelines.dump.chunks import read_chunks
from pipelines.dump.errors import UTF_16, DumpError, no_export
from pipelines.dump.file_names import parse_name
from pipelines.dump.parts import DumpFile, dump_date
from pipelines.dump.work_units import WorkUnit
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA, Site

__all__ = ["CANONICAL_NAMESPACES", "read_site", "refuse_mixture", "schema_version"]

_logger = logging.getLogger(__name__)

CANONICAL_NAMESPACES = {
    "media": -2,
    "special": -1,
    "": 0,
    "talk": 1,
    "user": 2,
    "user talk": 3,
    "project": 4,
    "project talk": 5,
    "file": 6,
    "file talk": 7,
    "image": 6,
    "image talk": 7,
    "mediawiki": 8,
    "mediawiki talk": 9,
    "template": 10,
    "template talk": 11,
    "help": 12,
    "help talk": 13,
    "category": 14,
    "category talk": 15,
    "portal": 100,
    "portal talk": 101,
    "module": 828,
    "module talk": 829,
}
"""Names that every wiki understands beside its own (https://www.mediawiki.org/wiki/Manual:Namespace)."""

_HEAD_BYTES = 4_000_000
_HEAD_ENDS = re.compile(rb"</siteinfo>|<page[\s>/]|</mediawiki")
_FIRST_PAGE = re.compile(rb"<page[\s>](?:(?!</page>).){0,4000}?<id>\s*(\d{1,19})\s*</id>", re.DOTALL)
_DATABASE = re.compile(r"<dbname>([^<]+)</dbname>")
_ROOT = re.compile(r"<mediawiki\b([^>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SITE_INFORMATION = re.compile(r"<siteinfo\b.*?</siteinfo>", re.DOTALL)
_NOT_LANGUAGES = {
    "commons",
    "meta",
    "wikidata",
    "species",
    "incubator",
    "sources",
    "mediawiki",
    "test",
    "simple",
}


def read_site(parts: list[DumpFile]) -> Site:
    """Gives the wiki that the dump is of.

    A dump without ``<siteinfo>`` is told by ``xml:lang`` and the file name, and is otherwise taken for one of
    the English Wikipedia; what was assumed is logged as a warning.

    Raises:
        DumpError: the first file cannot be read or is no export of MediaWiki, or its siteinfo is broken.
    """
    head = _head(parts[0])
    found = _SITE_INFORMATION.search(head)
    if found is None:
        return _assumed_site(parts, _root_attributes(parts[0], head))
    try:
        information = ElementTree.fromstring(found[0])
    except ElementTree.ParseError as error:
        raise DumpError(
            f"{parts[0].path}: the <siteinfo> at its head is broken ({error}); download the file again"
        ) from error
    base = (information.findtext("base") or "").strip()
    database = (information.findtext("dbname") or "").strip() or _database(parts, ENGLISH_WIKIPEDIA.database)
    language = _root_attributes(parts[0], head).get("xml:lang") or _language(database)
    return Site(
        database=database,
        language=language,
        base=base or ENGLISH_WIKIPEDIA.base.replace("//en.", f"//{language}."),
        first_letter_upper=(information.findtext("case") or "first-letter").strip() == "first-letter",
        namespaces=_namespaces(information),
        date=dump_date(parts),
    )


def refuse_mixture(parts: list[DumpFile]) -> None:
    """Compare what files say of themselves whose names do not tell that they are parts of one dump.

    Raises:
        DumpError: they are of several wikis, or two of them begin with the same page.
    """
    unclear = [part for part in parts if not parse_name(Path(part.path).name).is_part]
    if len(parts) < 2 or not unclear:
        return
    wikis: dict[str, str] = {}
    first_pages: dict[str, str] = {}
    for part in unclear:
        head = _head(part, _FIRST_PAGE)
        database, page = _DATABASE.search(head), _FIRST_PAGE.search(head.encode())
        if database is not None:
            wikis.setdefault(database[1].strip(), part.path)
        if page is not None and (other := first_pages.setdefault(page[1].decode(), part.path)) != part.path:
            raise DumpError(
                f"{other} and {Path(part.path).name} both begin with the page {page[1].decode()}: they are two dumps of"
                " one wiki, or one dump twice; give one of them"
            )
    if len(wikis) > 1:
        files = ", ".join(f"{Path(path).name} ({wiki})" for wiki, path in wikis.items())
        raise DumpError(
            f"{as_path(parts[0].path).parent}: files of several wikis: {files}; give those of one"
        )


def schema_version(parts: list[DumpFile]) -> str:
    """Gives the version of the export schema that the dump names, such as ``0.11``; empty without one.

    Raises:
        DumpError: the first file cannot be read or is no export of MediaWiki.
    """
    attributes = _root_attributes(parts[0], _head(parts[0]))
    found = re.search(r"export-([\d.]+)", attributes.get("xmlns", ""))
    return attributes.get("version") or (found[1] if found else "")


def _head(part: DumpFile, until: re.Pattern[bytes] = _HEAD_ENDS) -> str:
    """The text of the file up to what `until` finds, by default the end of its siteinfo or its first page."""
    unit = WorkUnit(0, part.path, part.format, 0, part.size, part.size)
    text = b""
    for chunk in read_chunks(unit):
        text += chunk.data
        if until.search(text) or len(text) > _HEAD_BYTES:
            break
    end = until.search(text)
    if UTF_16.match(text):
        raise no_export(part.path, text)
    return text[: end.end() if end else _HEAD_BYTES].decode("utf-8", "replace")


def _root_attributes(part: DumpFile, head: str) -> dict[str, str]:
    root = _ROOT.search(head)
    if root is None:
        raise no_export(part.path, head[:40].encode())
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(root[1])}


def _namespaces(information: ElementTree.Element) -> dict[str, int]:
    names = dict(CANONICAL_NAMESPACES)
    for namespace in information.iterfind("namespaces/namespace"):
        key = namespace.get("key", "")
        if re.fullmatch(r"-?\d+", key):
            names[(namespace.text or "").strip().replace("_", " ").lower()] = int(key)
    return names


def _assumed_site(parts: list[DumpFile], attributes: dict[str, str]) -> Site:
    language = attributes.get("xml:lang", "")
    database = _database(
        parts, f"{language.replace('-', '_')}wiki" if language else ENGLISH_WIKIPEDIA.database
    )
    language = language or _language(database)
    site = replace(
        ENGLISH_WIKIPEDIA,
        database=database,
        language=language,
        base=ENGLISH_WIKIPEDIA.base.replace("//en.", f"//{language}."),
        namespaces=ENGLISH_WIKIPEDIA.namespaces or CANONICAL_NAMESPACES,
        date=dump_date(parts),
    )
    _logger.warning(
        "%s: no <siteinfo>; taken for %s (language %s) with the namespaces of the English Wikipedia",
        parts[0].path,
        site.database,
        site.language,
    )
    return site


def _database(parts: list[DumpFile], otherwise: str) -> str:
    return parse_name(Path(parts[0].path).name).wiki or otherwise


def _language(database: str) -> str:
    """The language that a database's name begins with: ``zh-min-nan`` of ``zh_min_nanwiki``."""
    language = re.sub(r"wik(?:i|t|tionary|ibooks|inews|iquote|isource|iversity|ivoyage)$", "", database)
    return "en" if language in _NOT_LANGUAGES else language.replace("_", "-")
