"""Pronunciations: those of the subject are dropped, sounds that a text speaks of are kept."""

from __future__ import annotations

from pipelines.wikitext.templates.language_names import is_language_code
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []


@template("iPA", "iPA-all", "iPAall")
def ipa(call: TemplateCall) -> str:
    """``{{IPA|/a/}}`` -> ``/a/``: a sound that the text speaks of.

    ``{{IPA|de|bɛʁˈliːn|lang}}`` with a language in front says how the subject is pronounced, and is dropped.
    """
    first, second = call.get("1"), call.get("2")
    if second and first in ("all", "generic", "mul", "und"):
        return second
    if second and is_language_code(first):
        return ""
    return first


@template_family("iPA-")
def ipa_of_language(call: TemplateCall) -> str:
    """``{{IPA-de|tʃ|}}`` -> ``[tʃ]``; with its label (``German pronunciation:``) it is dropped.

    A label is shown unless its place is there and empty.
    """
    if call.arguments.get("2", "x").strip():
        return ""
    sound = call.get("1")
    return f"&#91;{sound}&#93;" if sound else ""


@template(
    "respell",
    "pronunciation respelling",
    "pron",
    "usdict",
    "audio-IPA",
    "pronunciation",
    "audio-nohelp",
    "audio",
)
@template("enPR", "h:IPA", "iPAEng", "pronounced", "iPA-en")
@template_family("iPAc-", "pron-")
def pronunciation(_call: TemplateCall) -> str:
    """``{{IPAc-en|ˈ|ɑː|k}}`` -> nothing: the sentence around a pronunciation reads best without it."""
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
