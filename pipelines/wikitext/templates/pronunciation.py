"""Pronunciations: those of the subject are dropped, sounds that a text speaks of are kept.

A sentence that says ``is pronounced`` before the template needs what follows; a bracket in a lead reads best
without it. A build can keep them all (`Site.pronunciations`).
"""

from __future__ import annotations

import re
from functools import cache

from pipelines.wikitext.data import read_pairs
from pipelines.wikitext.templates.languages import is_language_code, language_name
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []

# The sentence goes on with a pronunciation.
_SPEAKS_OF_IT = re.compile(
    r"\b(?:pronounced|pronunciation|pronunciation is|pronounce[sd]? (?:it|this|as)|sounded)[\s:]*$"
)
# What {{IPAc-en}} takes for a sound whose letter cannot be typed: code and letter in turn.
_CODED_SOUNDS = """
' ˈ , ˌ @ ə @r ər i: iː I ɪ Ir ɪr I@r ɪər i@r ɪər e@r ɛər E ɛ Er ɛr e ɛ ae æ { æ {r ær A: ɑː A:r ɑːr A ɑː Q ɒ Qr ɒr
O: ɔː O:r ɔːr O ɔː o: oʊ U ʊ Ur ʊr U@r ʊər u: uː V ʌ Vr ʌr 3: ɜː 3:r ɜːr 3r ɜːr aI aɪ aI@r aɪər aU aʊ aU@r aʊər eI eɪ
OI ɔɪ OI@r ɔɪər oU oʊ @U oʊ ju: juː jU jʊ jU@r jʊər tS tʃ dZ dʒ S ʃ Z ʒ T θ D ð N ŋ g ɡ G ɡ
"""
_CODES = dict(zip(_CODED_SOUNDS.split()[::2], _CODED_SOUNDS.split()[1::2], strict=True)) | {"_": " "}
# Words about a pronunciation, which {{IPAc-en}} takes among its sounds.
_WORDS_ABOUT = frozenset(
    ("pron", "lang", "local", "also", "us", "uk", "us also", "uk also", "uklang", "uslang")
)


def _spoken_of(call: TemplateCall) -> bool:
    return (
        call.site.pronunciations
        or _SPEAKS_OF_IT.search(call.before.replace("'", "").replace("(", "")) is not None
    )


def _label(call: TemplateCall, code: str, choice: str) -> str:
    """Return the words before a pronunciation where all are kept: ``German: ``, ``pronounced ``, ``locally ``."""
    if not call.site.pronunciations or (call.before and _SPEAKS_OF_IT.search(call.before)):
        return ""
    words = {"pron": "pronounced ", "local": "locally ", "none": "", "-": ""}
    if choice in words:
        return words[choice]
    name = language_name(code)
    return f"{name}: " if name else ""


@template("IPA", "IPA-all", "IPAall")
def ipa(call: TemplateCall) -> str:
    """``{{IPA|/a/}}`` -> ``/a/``: a sound that the text speaks of.

    ``{{IPA|de|bɛʁˈliːn|lang}}`` with a language in front says how the subject is pronounced, and is dropped.
    """
    first, second = call.get("1"), call.get("2")
    if second and first in ("all", "generic", "mul", "und"):
        return second
    if second and is_language_code(first):
        return f"{_label(call, first, call.get('3'))}&#91;{second}&#93;" if _spoken_of(call) else ""
    return first


@template_family("IPA-")
def ipa_of_language(call: TemplateCall) -> str:
    """``{{IPA-de|tʃ|}}`` -> ``[tʃ]``; with its label (``German pronunciation:``) it is dropped.

    A label is shown unless its place is there and empty.
    """
    if call.arguments.get("2", "x").strip() and not _spoken_of(call):
        return ""
    sound = call.get("1")
    label = "" if call.arguments.get("2") == "" else _label(call, call.name[len("IPA-") :], call.get("2"))
    return f"{label}&#91;{sound}&#93;" if sound else ""


@template("respell", "pronunciation respelling")
def respelling(call: TemplateCall) -> str:
    """``pronounced {{respell|prə|NOWN|sing}}`` -> ``prə-NOWN-sing``; nothing where no word leads to it."""
    return italic("-".join(filter(None, call.positional()))) if _spoken_of(call) else ""


@template_family("IPAc-")
def ipa_in_pieces(call: TemplateCall) -> str:
    """``pronounced {{IPAc-en|ˈ|ɑː|k}}`` -> ``/ˈɑːk/``, ``|'|A:|k`` too; nothing where no word leads to it."""
    if not _spoken_of(call):
        return ""
    pieces = [_CODES.get(piece, piece) for piece in call.positional() if piece.lower() not in _WORDS_ABOUT]
    sound = "".join(pieces)
    label = next(
        (choice for choice in call.positional() if choice.lower() in ("pron", "local", "lang")), "none"
    )
    return f"{_label(call, call.name[len('IPAc-') :], label.lower())}/{sound}/" if sound else ""


@template("audio")
def sound(call: TemplateCall) -> str:
    """``{{audio|Fugue.ogg|Fugue in C}}`` -> ``Fugue in C``; ``listen`` and the page's own name are left out."""
    text = call.get("2")
    said = plain(text).strip(' []()"').lower()
    return "" if said in _CALLS_TO_LISTEN or said == call.title.lower() else text


_CALLS_TO_LISTEN = frozenset(
    ("listen", "play", "pronunciation", "pronounced", "audio", "sound", "help", "hear", "click to listen", "")
)


@template("pron", "usdict", "Audio-IPA", "pronunciation", "audio-nohelp")
@template("EnPR", "H:IPA", "IPAEng", "pronounced", "IPA-en", "wiktionary pronunciation")
@template_family("pron-")
def pronunciation(_call: TemplateCall) -> str:
    """``{{pronunciation|Word.ogg}}`` -> nothing: the sentence around it reads best without it."""
    return ""


@cache
def _articles() -> dict[str, str]:
    return read_pairs("sounds")


def _linked_sound(call: TemplateCall) -> str:
    """Return the sign that the call shows, linked to the article about its sound where that is known."""
    sign = call.get("1")
    article = _articles().get(sign)
    shown = call.get("2", default=sign)
    return link(article, shown) if article else shown


@template("IPAlink", "IPA link", "IPA symbol", "IPAplink", "IPA plink")
def ipa_link(call: TemplateCall) -> str:
    """``{{IPAlink|ʃ}}`` -> ``[[Voiceless postalveolar fricative|ʃ]]``."""
    return _linked_sound(call)


@template("IPAslink", "IPA slink")
def ipa_phoneme(call: TemplateCall) -> str:
    """``{{IPAslink|ʃ}}`` -> ``/[[Voiceless postalveolar fricative|ʃ]]/``."""
    return f"/{_linked_sound(call)}/"


@template("IPAalink", "IPA alink")
def linked_grapheme(call: TemplateCall) -> str:
    """``{{IPAalink|ʃ}}`` -> ``⟨[[Voiceless postalveolar fricative|ʃ]]⟩``."""
    return f"⟨{_linked_sound(call)}⟩"


@template("IPAblink", "IPA blink")
def ipa_phone(call: TemplateCall) -> str:
    """``{{IPAblink|ʃ}}`` -> ``[ʃ]``, the sign linked to the article about its sound."""
    return f"&#91;{_linked_sound(call)}&#93;"
