"""Pronunciations: those of the subject are dropped, sounds that a text speaks of are kept.

A sentence that says ``is pronounced`` before the template needs what follows; a bracket in a lead reads best
without it.
"""

from __future__ import annotations

import re

from pipelines.wikitext.templates.language_names import is_language_code
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []

# The sentence goes on with a pronunciation.
_SPEAKS_OF_IT = re.compile(
    r"\b(?:pronounced|pronunciation|pronunciation is|pronounce[sd]? (?:it|this|as)|sounded)[\s:]*$"
)
# Codes that stand for sounds by capital letters (``aI``) are no transcription until they are looked up.
_CODED = re.compile(r"[A-Z@]")


def _spoken_of(call: TemplateCall) -> bool:
    return _SPEAKS_OF_IT.search(call.before.replace("'", "").replace("(", "")) is not None


@template("iPA", "iPA-all", "iPAall")
def ipa(call: TemplateCall) -> str:
    """``{{IPA|/a/}}`` -> ``/a/``: a sound that the text speaks of.

    ``{{IPA|de|bɛʁˈliːn|lang}}`` with a language in front says how the subject is pronounced, and is dropped.
    """
    first, second = call.get("1"), call.get("2")
    if second and first in ("all", "generic", "mul", "und"):
        return second
    if second and is_language_code(first):
        return f"&#91;{second}&#93;" if _spoken_of(call) else ""
    return first


@template_family("iPA-")
def ipa_of_language(call: TemplateCall) -> str:
    """``{{IPA-de|tʃ|}}`` -> ``[tʃ]``; with its label (``German pronunciation:``) it is dropped.

    A label is shown unless its place is there and empty.
    """
    if call.arguments.get("2", "x").strip() and not _spoken_of(call):
        return ""
    sound = call.get("1")
    return f"&#91;{sound}&#93;" if sound else ""


@template("respell", "pronunciation respelling")
def respelling(call: TemplateCall) -> str:
    """``pronounced {{respell|prə|NOWN|sing}}`` -> ``prə-NOWN-sing``; nothing where no word leads to it."""
    return f"''{'-'.join(filter(None, call.positional()))}''" if _spoken_of(call) else ""


@template_family("iPAc-")
def ipa_in_pieces(call: TemplateCall) -> str:
    """``pronounced {{IPAc-en|ˈ|ɑː|k}}`` -> ``/ˈɑːk/``; nothing where no word leads to it."""
    sound = "".join(piece for piece in call.positional() if piece not in ("pron", "lang", "local"))
    return f"/{sound}/" if sound and _spoken_of(call) and not _CODED.search(sound) else ""


@template("pron", "usdict", "audio-IPA", "pronunciation", "audio-nohelp", "audio")
@template("enPR", "h:IPA", "iPAEng", "pronounced", "iPA-en")
@template_family("pron-")
def pronunciation(_call: TemplateCall) -> str:
    """``{{pronunciation|Word.ogg}}`` -> nothing: the sentence around it reads best without it."""
    return ""


@template("iPAlink", "iPA link", "iPA symbol")
def ipa_link(call: TemplateCall) -> str:
    """``{{IPAlink|ʃ}}`` -> ``ʃ``."""
    return call.get("2", "1")


@template("iPAslink", "iPA slink")
def ipa_phoneme(call: TemplateCall) -> str:
    """``{{IPAslink|ʃ}}`` -> ``/ʃ/``."""
    return f"/{call.get('2', '1')}/"


@template("iPAblink", "iPA blink")
def ipa_phone(call: TemplateCall) -> str:
    """``{{IPAblink|ʃ}}`` -> ``[ʃ]``."""
    return f"&#91;{call.get('2', '1')}&#93;"
