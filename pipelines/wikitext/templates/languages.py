"""Words of other languages and scripts, with the labels that the wiki puts in front of them."""

from __future__ import annotations

import unicodedata
from functools import cache

from pipelines.wikitext.data import read_pairs, read_table
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__ = ["is_language_code", "language_article", "language_name", "romanize_greek"]

_NO = frozenset(("no", "n", "none", "off", "false", "0"))
_LONGEST_CODE = 40


@cache
def _languages() -> tuple[dict[str, str], frozenset[str]]:
    """Return the English names of languages by code, and the codes of those not written in the Latin alphabet."""
    rows = read_table("languages")
    names = {code: name for code, name, _ in rows if name}
    return names, frozenset(code for code, _, script in rows if script == "other")


@cache
def _language_articles() -> dict[str, str]:
    return read_pairs("language_articles")


def language_name(code: str) -> str | None:
    """Return the English name of the language with the code `code` (``de``, ``grc-x-koine``, ``sr-Latn``)."""
    if len(code) > _LONGEST_CODE:
        return None
    code = code.strip().replace("_", "-").lower()
    names, _ = _languages()
    while code:
        if (name := names.get(code)) is not None:
            return name
        code = code.rpartition("-")[0]
    return None


def is_language_code(text: str) -> bool:
    """Return whether `text` is the code of a known language."""
    return 2 <= len(text) <= 12 and text.islower() and language_name(text) is not None


def language_article(name: str) -> str:
    """Return the title of the article about the language called `name`: ``German`` -> ``German language``."""
    if name.endswith(("languages", "Arabic", "Creole", "Neo-Aramaic")):
        return name
    return _language_articles().get(name, f"{name} language")


def _is_latin(code: str, text: str) -> bool:
    code = code.lower()
    if "latn" in code:
        return True
    letters = [letter for letter in plain(text)[:40] if letter.isalpha()]
    return code.partition("-")[0] not in _languages()[1] and all(
        letter < "\u0250" or "\u1e00" <= letter < "\u1f00" for letter in letters
    )


def _foreign(call: TemplateCall, code: str, text: str) -> str:
    if call.get("italic", "italics").lower() in _NO or not _is_latin(code, text):
        return text
    return italic(text)


@template("langr")
def upright(call: TemplateCall) -> str:
    """``{{langr|de|Dasein}}`` -> ``Dasein``."""
    return call.get("2", "text")


@template("lang")
def lang(call: TemplateCall) -> str:
    """``{{lang|de|Autobahn}}`` -> ``''Autobahn''``; scripts other than the Latin stay upright."""
    return _foreign(call, call.get("1", "code"), call.get("2", "text"))


def _labelled(call: TemplateCall, code: str, arguments: list[str]) -> str | None:
    """Return a word with its language in front, and behind it the transliteration and the literal meaning.

    A language without a name in the table has no label.
    """
    text, transliteration, literal = [*arguments, "", "", ""][:3]
    text = text or call.get("text")
    transliteration = transliteration or call.get("translit", "tr", "rtgs")
    literal = literal or call.get("lit", "translation")
    if not text:
        return None
    name = language_name(code)
    label = call.get("label")
    # The English Wikipedia does not link its own language.
    links = call.get("link", "links").lower() not in _NO and code.lower() != "en"
    if label.lower() in _NO:
        label = ""
    elif label:
        label += ": "
    elif name is not None:
        label = (link(language_article(name), name) if links else name) + ": "
    pieces = [label + _foreign(call, code, text)]
    if transliteration:
        romanized = f"Romanization of {name}" if name else ""
        words = link(romanized, "romanized") if links and romanized else "romanized"
        pieces.append(f"{words}: {italic(transliteration)}")
    if literal:
        pieces.append(f"lit. '{literal}'")
    return ", ".join(pieces)


@template("langx", "lang-x")
def langx(call: TemplateCall) -> str | None:
    """``{{langx|de|Brücke|lit=bridge}}`` -> ``[[German language|German]]: ''Brücke'', lit. 'bridge'``."""
    arguments = call.positional()
    return _labelled(call, call.get("1", "code"), arguments[1:])


@template_family("lang-")
def lang_family(call: TemplateCall) -> str | None:
    """``{{lang-ru|Москва|Moskva}}`` -> ``[[Russian language|Russian]]: Москва, romanized: ''Moskva''``."""
    return _labelled(call, call.name[len("lang-") :], call.positional())


@template("lang-rus")
def lang_rus(call: TemplateCall) -> str:
    """``{{lang-rus|Аляска|r=Alyáska|p=..}}`` -> ``Russian: Аляска, tr. Alyáska``; the pronunciation is dropped."""
    arguments = [*call.positional(), "", "", ""]
    links = call.get("links", "link").lower() not in _NO
    label = link("Russian language", "Russian") if links else "Russian"
    pieces = [f"{label}: {arguments[0]}"]
    if transliteration := arguments[1] or call.get("r", "tr", "translit"):
        pieces.append(
            f"{link('Romanization of Russian', 'tr.') if links else 'tr.'} {italic(transliteration)}"
        )
    if literal := call.get("t", "lit"):
        pieces.append(f"lit. '{literal}'")
    return ", ".join(pieces)


@template("transliteration", "transl", "tlit", "xlit", "translit", "IAST", "ISOtranslit", "ArabDIN", "ARTL")
def transliteration(call: TemplateCall) -> str:
    """``{{transl|ar|DIN|kitāb}}`` -> ``''kitāb''``: code, scheme where given, text."""
    arguments = [argument for argument in call.positional() if argument]
    return italic(arguments[-1]) if arguments else ""


@template("wikt-lang", "wt", "wktl", "wiktlang", "wlink")
def wiktionary_word(call: TemplateCall) -> str:
    """``{{wikt-lang|grc|πτέρυξ|πτερόν}}`` -> the last of its words; the link leads to the dictionary."""
    return _foreign(call, call.get("1"), call.get("3", "2"))


@template_family("script/", "script ")
@template("script")
def script(call: TemplateCall) -> str:
    """``{{script/Hebrew|אבק}}`` and ``{{script|Hebr|אבק}}`` -> ``אבק``."""
    return call.get("2", "1") if call.name == "script" else call.get("1")


@template("rtl-lang", "rtl", "ltr-lang", "rtl-para", "lang rtl", "ltr")
def right_to_left(call: TemplateCall) -> str:
    """``{{rtl-lang|ar|سلام}}`` -> ``سلام``."""
    return call.get("2", "1")


@template(
    "hebrew",
    "arabic",
    "armenian",
    "cuneiform",
    "ar",
    "urdu",
    "arabic script",
    "nastaliq",
    "uninastaliq",
    "phoenician",
    "ogham",
    "tibetan",
    "bo-textonly",
    "mongolunicode",
    "mongol",
    "nq",
    "sindhi",
    "ethiopic",
)
def one_script(call: TemplateCall) -> str:
    """``{{hebrew|אבק}}`` -> ``אבק``."""
    return call.get("1", "2") if len(call.get("1")) != 3 or not call.get("2") else call.get("2")


@template("in lang", "lang icon", "languageicon", "language icon")
def in_language(call: TemplateCall) -> str | None:
    """``{{in lang|en|el}}`` -> ``(in English and Greek)``; `language icon` has a code and a name of one."""
    codes = call.positional()[:1] if call.name in ("languageicon", "language icon") else call.positional()
    names = [language_name(code) or code for code in codes if code]
    if not names:
        return None
    last = names.pop()
    if len(names) > 1:
        return f"(in {', '.join(names)}, and {last})"
    return f"(in {names[0]} and {last})" if names else f"(in {last})"


def _register_icons() -> None:
    codes = "ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gr he hi hr hu hy id is it ja ka ko la"
    for code in (
        codes
        + " lt lv mk mn ms mt nl no pl pt ro ru sh sk sl sq sr sv ta th tl tr uk ur uz vi zh kk nb nn fo lb"
    ).split():

        @template(f"{code} icon")
        def icon(call: TemplateCall) -> str:
            """``{{de icon}}`` -> ``(in German)``."""
            return f"(in {language_name(call.name.split()[0])})"


_register_icons()


@template("etymology", "etym", "ety")
def etymology(call: TemplateCall) -> str | None:
    """``{{etymology|la|albedo|whiteness}}`` -> ``from [[Latin]] ''albedo'' 'whiteness'``; more follow by threes."""
    arguments = call.positional()
    pieces = []
    for start in range(0, len(arguments), 3):
        code, word, meaning = [*arguments[start : start + 3], "", ""][:3]
        name = language_name(code) if code else ""
        source = link(language_article(name), name) if name else code
        shown = italic(word) + (f" '{meaning}'" if meaning else "")
        pieces.append(" ".join(filter(None, (source, shown))))
    return f"from {' and '.join(pieces)}" if pieces else None


@template("translation", "trans")
def translation(call: TemplateCall) -> str:
    """``{{translation|bread}}`` -> ``transl. bread``."""
    text = call.get("1")
    return f"transl. {text}" if text else ""


@template("native name", "native phrase")
def native_name(call: TemplateCall) -> str:
    """``{{native name|fr|Genève}}`` -> ``''Genève'' (French)``."""
    name = language_name(call.get("1"))
    text = _foreign(call, call.get("1"), call.get("2"))
    return f"{text} ({name})" if name and call.name == "native name" else text


@template("langnf", "language with name/for", "lang-nf")
def language_for(call: TemplateCall) -> str | None:
    """``{{langnf|de|Kaiser|emperor}}`` -> ``''Kaiser'' ([[German language|German]] for 'emperor')``."""
    code, text, meaning = [*call.positional(), "", "", ""][:3]
    name = call.get("lang-name", default=language_name(code) or "")
    if not meaning or not name:
        # Without a code the language's own name stands in the word's place.
        return f"{text} for '{meaning}'" if text and meaning else None
    links = call.get("links", "link").lower() not in _NO
    label = link(language_article(name), name) if links else name
    words = f"{label} for '{meaning}'"
    return f"{_foreign(call, code, text)} ({words})" if text else words


@template("cyrl")
def cyrillic(call: TemplateCall) -> str:
    """``{{cyrl|слово}}`` -> ``слово``."""
    return call.get("1")


@template("language name", "ISO 639 name", "ISO 639 text")
def name_of_language(call: TemplateCall) -> str | None:
    """``{{ISO 639 name|de}}`` -> ``German``."""
    return language_name(call.get("1"))


@template_family("ISO 639 name ")
def name_of_language_family(call: TemplateCall) -> str | None:
    """``{{ISO 639 name de}}`` -> ``German``."""
    return language_name(call.name.rpartition(" ")[2])


@template("PIE", "proto")
def reconstructed(call: TemplateCall) -> str:
    """``{{PIE|*ḱerd-}}`` and ``{{proto|Celtic|kerd}}`` -> ``*ḱerd-`` and ``*kerd``, in italics."""
    word = call.get("2") and f"*{call.get('2')}" if call.name == "proto" else call.get("1")
    # The asterisk is an entity, for one that begins a line would make a list.
    return italic(word.replace("*", "&#42;", 1))


_PAIRS = """
α a β b γ g δ d ε e ζ z η ē θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ ph χ kh ψ ps ω ō
"""
_LETTERS = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))
_VOWELS = frozenset("aeēioōyu")
_ROUGH_BREATHING = "\u0314"
# Acute and grave stay as they are, the circumflex of Greek is another sign than that of Latin letters.
_ACCENTS = {"\u0301": "\u0301", "\u0300": "\u0300", "\u0342": "\u0302", "\u0308": "\u0308"}
_LONGEST = 500


def romanize_greek(word: str) -> str:
    """Write Greek letters one by one in Latin ones: ``ἀνατομή`` -> ``anatomḗ``, ``Ἑλλάς`` -> ``Hellás``."""
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", word):
        small = letter.lower()
        latin = _LETTERS.get(small)
        if latin is not None:
            if latin == "y" and letters and letters[-1][0].lower() in ("a", "e", "ē", "o"):
                latin = "u"
            elif latin in ("g", "k", "x", "kh") and letters and letters[-1] in ("g", "G"):
                letters[-1] = "n"
            letters.append(latin.capitalize() if letter != small else latin)
        elif letter == _ROUGH_BREATHING:
            _aspirate(letters)
        elif letter in _ACCENTS and letters:
            letters[-1] += _ACCENTS[letter]
        elif not unicodedata.combining(letter):
            letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


def _aspirate(letters: list[str]) -> None:
    """Add the h of a rough breathing: behind rho, in front of a vowel or the diphthong that it ends."""
    if not letters:
        return
    if letters[-1] in ("r", "R"):
        letters[-1] += "h"
        return
    start = len(letters) - 1
    if start and letters[start - 1][0].lower() in _VOWELS:
        start -= 1
    first = letters[start]
    letters[start] = f"H{first.lower()}" if first[0].isupper() else f"h{first}"


@template("grc-transl")
def greek_in_latin_letters(call: TemplateCall) -> str | None:
    """``{{grc-transl|ἀνατομή}}`` -> ``''anatomḗ''``."""
    word = plain(call.get("1"))
    return italic(romanize_greek(word)) if word and len(word) <= _LONGEST else None
