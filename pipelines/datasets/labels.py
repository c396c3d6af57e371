"""Single labels: what a scheme allows, and what is odd about a label after another."""

from __future__ import annotations

__all__ = ["PREFIXES", "SCHEMES", "label_is_valid", "label_quirk"]

PREFIXES = {"bio": "BI", "bioes": "BIES", "iob1": "BI"}
"""What a label other than ``O`` may begin with, by scheme."""

SCHEMES = tuple(PREFIXES)


def label_is_valid(label: str, scheme: str) -> bool:
    """Tells whether a label is ``O``, or a prefix of the scheme, a hyphen and a type without white space."""
    kind = label[2:]
    has_type = bool(kind) and not any(character.isspace() for character in kind)
    return label == "O" or (label[0:1] in tuple(PREFIXES[scheme]) and label[1:2] == "-" and has_type)


def label_quirk(before: str, label: str) -> str | None:
    """Gives the name of the quirk of a BIO or BIOES label after the label `before` (``O`` at the start)."""
    if label[0] not in "IE":
        return None
    if before[0] not in "BI":
        return "I- after O"
    return "type changes inside an entity" if before[2:] != label[2:] else None
