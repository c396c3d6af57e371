"""Variants of a language: ``-{zh-hans:计算机; zh-hant:電腦}-`` becomes the text of one of them.

The syntax is that of https://www.mediawiki.org/wiki/Language_Converter/Advanced_syntax. Only wikis in languages
with variants read it. What the wiki's own variant shows is kept; the rest of the text is not converted.
"""

from __future__ import annotations

import re
from functools import cache

from pipelines.wikitext.site import Site

__all__ = ["read_variants"]

_FALLBACKS = {
    "crh": ("crh-latn",),
    "gan": ("gan-hans", "gan-hant"),
    "iu": ("ike-cans",),
    "kk": ("kk-cyrl",),
    "ku": ("ku-latn",),
    "sh": ("sh-latn",),
    "shi": ("shi-latn",),
    "sr": ("sr-ec",),
    "tg": ("tg-cyrl",),
    "uz": ("uz-latn",),
    "wuu": ("wuu-hans", "wuu-hant"),
    "zh": ("zh-hans", "zh-hant", "zh-cn", "zh-tw", "zh-hk", "zh-sg", "zh-mo", "zh-my"),
}
"""Languages with variants, and whose text stands for theirs where a rule has none of their own."""

_DEEPEST = 10
"""Rules nested deeper than this stay as they are (MediaWiki's own limit)."""

# A rule that holds no other.
_RULE = re.compile(r"-\{([^{}]*)\}-")
# The flags before the rules: single letters, signs, or codes of variants.
_FLAGS = re.compile(r"[A-Za-z;+\-\s]*\|")
# Rules for the page's title, for the rest of the page, or to be forgotten show nothing.
_HIDDEN = frozenset("TH-D")


def read_variants(text: str, site: Site) -> str:
    """Return `text` with every rule replaced by what it shows in the wiki's own variant."""
    fallbacks = _FALLBACKS.get(site.language)
    if fallbacks is None or "-{" not in text:
        return text
    variants = (site.language, *fallbacks)
    for _ in range(_DEEPEST):
        text, found = _RULE.subn(lambda rule: _shown(rule[1], variants), text)
        if not found:
            break
    return text


@cache
def _code(variants: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a variant's code before its text, after the text that is replaced, if it is named."""
    codes = "|".join((rf"{variants[0]}-[a-z]+", *variants))
    return re.compile(rf"(?:\A|;)\s*(?:[^;:]*=>\s*)?({codes})\s*:", re.IGNORECASE)


def _shown(rule: str, variants: tuple[str, ...]) -> str:
    """Return what one rule shows: the text of the first of `variants` that it has, else its first text."""
    match = _FLAGS.match(rule)
    flags = set() if match is None else {flag.strip() for flag in match[0][:-1].split(";")}
    if flags & _HIDDEN:
        return ""
    text = rule if match is None else rule[match.end() :]
    before, *pieces = _code(variants).split(text)
    if not pieces or "R" in flags or before.strip():
        return text
    codes = [code.lower() for code in pieces[::2]]
    texts: dict[str, str] = dict(
        zip(codes, [shown.strip().rstrip(";") for shown in pieces[1::2]], strict=True)
    )
    return next((texts[code] for code in variants if code in texts), texts[codes[0]])
