"""Arrow schemas of a corpus' entities and their names, and the manifest that says what they were made from.

An entity is a page of the text corpus. An alias is a name under which it is linked, redirected to or introduced.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from kc_schema.errors import UserError
from kc_schema.snapshot import LostText
from kc_schema.store import Part, read_json

__all__ = [
    "ALIASES",
    "ENTITIES",
    "ENTITY_MANIFEST",
    "ENTITY_TABLES",
    "EntityError",
    "EntityManifest",
    "clean_name",
    "fold_name",
    "read_entity_manifest",
]

ENTITY_MANIFEST = "entities.json"
FORMAT = 1
LONGEST_ALIAS = 200
"""Characters of a name; what is longer is no name."""


def _schema(fields: Mapping[str, tuple[pa.DataType, bool, str]]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(name, kind, nullable=nullable, metadata={"description": about})
            for name, (kind, nullable, about) in fields.items()
        ]
    )


ENTITIES = _schema(
    {
        "page_id": (pa.int64(), False, "the page"),
        "title": (pa.string(), False, "its title as displayed"),
        "wikidata_id": (pa.string(), True, "its item in Wikidata; null where it is not known"),
        "disambiguation": (pa.bool_(), False, "whether the page only tells articles of one name apart"),
        "in_links": (pa.int64(), False, "how many anchors of the corpus lead to it"),
        "introduction_length": (pa.int32(), False, "characters of its introduction, without tags"),
        "image": (pa.string(), True, "the image the wiki chose for it, or the first that it shows; or null"),
        "types": (pa.list_(pa.string()), True, "what it is, as --types says; null where it is not known"),
    }
)
ALIASES = _schema(
    {
        "folded": (pa.string(), False, "the name without distinction of case (`fold_name`)"),
        "surface": (pa.string(), False, "the name as it is written"),
        "page_id": (pa.int64(), False, "the entity"),
        "links": (pa.int64(), False, "anchors with this surface that lead to it"),
        "prior": (pa.float64(), False, "its share of all anchors with this surface; 0 without one"),
        "folded_prior": (pa.float64(), False, "its share of all anchors with this surface in any case"),
        "title": (pa.bool_(), False, "whether it is the page's title"),
        "redirect": (pa.bool_(), False, "whether it is the title of a redirect to the page"),
        "bold": (pa.bool_(), False, "whether the page's introduction prints it in bold"),
    }
)
ENTITY_TABLES: Mapping[str, pa.Schema] = {"entities": ENTITIES, "aliases": ALIASES}
"""Folder in the corpus -> schema. Entities ascend by page_id, aliases by folded, surface, links (falling), page_id."""


class EntityError(UserError):
    """Entities that are not there, or that belong to another state of the corpus."""


@dataclass(frozen=True, slots=True)
class EntityManifest:
    """What the tables hold and were made from; without time stamps, so that equal tables have equal manifests."""

    snapshot: str
    """Fingerprint of the text corpus."""
    types: str
    """Checksum of the file of types; empty without one."""
    tables: dict[str, list[Part]]
    counts: dict[str, int] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    """Names that were left out, by reason."""
    lost: dict[str, list[LostText]] = field(default_factory=dict)
    """A few examples of each reason: the name, and what it stands for."""
    format: int = FORMAT


def read_entity_manifest(kc: Path, snapshot: str) -> EntityManifest:
    """Read the manifest of the entities of the corpus in `kc`, whose fingerprint is `snapshot`.

    Raises:
        EntityError: there is none, it cannot be read, or it belongs to another state of the corpus.
    """
    how = f"make them with: python -m pipelines.build_entities --kc {kc}"
    try:
        manifest = read_json(kc / ENTITY_MANIFEST, EntityManifest)
    except FileNotFoundError as error:
        raise EntityError(f"{kc}: has no entities; {how}") from error
    except (OSError, ValueError) as error:
        raise EntityError(f"{kc / ENTITY_MANIFEST}: cannot be read ({error}); {how}") from error
    if manifest.format != FORMAT or manifest.snapshot != snapshot:
        raise EntityError(f"{kc}: its entities are of another state of the corpus or another version; {how}")
    return manifest


_BLANKS = re.compile(r"\s+")


def clean_name(text: str) -> str:
    """Return a name without white space at its ends and with single spaces inside."""
    return _BLANKS.sub(" ", text).strip()


def fold_name(name: str) -> str:
    """Return a name without distinction of case, width and ligatures: NFKC, case-folded, single spaces."""
    return clean_name(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()))
