"""Words of other languages and scripts, with the labels that the wiki puts in front of them."""

from __future__ import annotations

from pipelines.wikitext.templates.language_names import is_language_code, language_article, language_name
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []

_NO = frozenset(("no", "n", "none", "off", "false", "0"))
# Languages written in the Latin alphabet are shown in italics; these are the frequent ones that are not.
_NOT_LATIN = frozenset(
    [
        "ar",
        "arz",
        "ary",
        "arq",
        "fa",
        "ur",
        "ps",
        "he",
        "yi",
        "ja",
        "zh",
        "ko",
        "ru",
        "uk",
        "be",
        "bg",
        "mk",
        "sr",
        "el",
        "grc",
        "hy",
        "ka",
        "hi",
        "bn",
        "mr",
        "ne",
        "sa",
        "ta",
        "te",
        "ml",
        "kn",
        "gu",
        "pa",
        "or",
        "si",
        "my",
        "th",
        "lo",
        "km",
        "bo",
        "am",
        "ti",
        "dv",
        "ug",
        "kk",
        "ky",
        "mn",
        "tg",
        "ce",
        "os",
        "ba",
        "tt",
        "cv",
        "ab",
        "got",
        "cop",
        "syr",
        "arc",
        "akk",
        "egy",
        "sux",
        "phn",
        "zh-hans",
        "zh-hant",
        "yue",
        "nan",
        "cmn",
        "lzh",
        "gez",
        "chr",
        "iu",
        "orv",
        "cu",
        "prs",
        "ckb",
        "sd",
        "ks",
        "dz",
        "ota",
        "peo",
        "pal",
        "xcl",
        "hyw",
        "rue",
        "kv",
        "udm",
        "sah",
        "bxr",
        "xal",
        "mhr",
        "mrj",
        "myv",
        "mdf",
        "ady",
        "kbd",
        "inh",
        "lez",
        "av",
        "dar",
    ]
)


def _is_latin(code: str, text: str) -> bool:
    code = code.lower()
    if "latn" in code:
        return True
    letters = [letter for letter in plain(text)[:40] if letter.isalpha()]
    return code.partition("-")[0] not in _NOT_LATIN and all(
        letter < "\u0250" or "\u1e00" <= letter < "\u1f00" for letter in letters
    )


def _foreign(call: TemplateCall, code: str, text: str) -> str:
    if call.get("italic", "italics").lower() in _NO or not _is_latin(code, text):
        return text
    return italic(text)


@template("lang")
def lang(call: TemplateCall) -> str:
    """``{{lang|de|Autobahn}}`` -> ``''Autobahn''``; scripts other than the Latin stay upright."""
    return _foreign(call, call.get("1", "code"), call.get("2", "text"))


def _labelled(call: TemplateCall, code: str, arguments: list[str]) -> str | None:
    """Gives a word with its language in front, and behind it the transliteration and the literal meaning."""
    text, transliteration, literal = [*arguments, "", "", ""][:3]
    text = text or call.get("text")
    transliteration = transliteration or call.get("translit", "tr", "rtgs")
    literal = literal or call.get("lit", "translation")
    name = language_name(code)
    if name is None and not call.get("label"):
        return None
    label = call.get("label")
    links = call.get("link", "links").lower() not in _NO
    if label.lower() in _NO:
        label = ""
    elif not label:
        assert name is not None
        label = (link(language_article(name), name) if links else name) + ": "
    else:
        label += ": "
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


@template("transliteration", "transl", "tlit", "xlit", "translit")
def transliteration(call: TemplateCall) -> str:
    """``{{transl|ar|DIN|kitāb}}`` -> ``''kitāb''``: code, scheme where given, text."""
    arguments = [argument for argument in call.positional() if argument]
    return italic(arguments[-1]) if arguments else ""


@template("wikt-lang", "wt")
def wiktionary_word(call: TemplateCall) -> str:
    """``{{wikt-lang|grc|πτέρυξ|πτερόν}}`` -> the last of its words; the link leads to the dictionary."""
    return _foreign(call, call.get("1"), call.get("3", "2"))


@template("nihongo", "nihongo2", "nihongo3", "nihongo4", "nihongo foot", "nihongo krt", "nihongo-s")
def nihongo(call: TemplateCall) -> str:
    """``{{nihongo|Tokyo Tower|東京タワー|Tōkyō tawā|extra}}`` -> ``Tokyo Tower (東京タワー, ''Tōkyō tawā'', extra)``.

    Where the English is missing, the Latin spelling takes its place; ``lead=yes`` names the language.
    """
    english, kanji, romaji = call.get("1", "english"), call.get("2", "kanji"), call.get("3", "romaji")
    extra, behind = call.get("4", "extra"), call.get("5", "extra2")
    name = call.name.lower()
    if name == "nihongo2":
        return english or kanji
    if name == "nihongo foot":
        return english or italic(romaji) or kanji
    if name == "nihongo3":
        english, romaji = (
            romaji and italic(romaji),
            english and (english if '"' in english else f'"{english}"'),
        )
    elif romaji:
        romaji = italic(romaji)
    if not english:
        english, romaji = romaji, ""
    if call.get("lead").lower() in ("yes", "y", "1"):
        kanji = f"{link('Japanese language', 'Japanese')}: {kanji}" if kanji else ""
        romaji = f"{link('Hepburn romanization', 'Hepburn')}: {romaji}" if romaji else ""
    inside = ", ".join(filter(None, (kanji, romaji, extra)))
    shown = f"{english} ({inside})" if english and inside else english or inside
    return f"{shown} {behind}" if behind else shown


# The forms of {{zh}} in the order in which they are shown: parameter, label, article.
_CHINESE = (
    ("c", "Chinese", "Chinese language"),
    ("s", "simplified Chinese", "Simplified Chinese characters"),
    ("t", "traditional Chinese", "Traditional Chinese characters"),
    ("p", "pinyin", "Pinyin"),
    ("hp", "Hanyu Pinyin", "Pinyin"),
    ("tp", "Tongyong Pinyin", "Tongyong Pinyin"),
    ("w", "Wade–Giles", "Wade–Giles"),
    ("j", "Jyutping", "Jyutping"),
    ("cy", "Cantonese Yale", "Yale romanization of Cantonese"),
    ("sl", "Sidney Lau", "Sidney Lau romanisation"),
    ("y", "Cantonese Yale", "Yale romanization of Cantonese"),
    ("poj", "Pe̍h-ōe-jī", "Pe̍h-ōe-jī"),
    ("tl", "Tâi-lô", "Tâi-uân Lô-má-jī Phing-im Hong-àn"),
    ("zhu", "Zhuyin Fuhao", "Bopomofo"),
)


@template("zh", "lang-zh", "zh-full")
def chinese(call: TemplateCall) -> str | None:
    """``{{zh|t=臺北|p=Táiběi}}`` -> ``traditional Chinese: 臺北; pinyin: ''Táiběi''``; ``labels=no`` drops them."""
    labels = call.get("labels").lower() not in _NO
    links = labels and call.get("links").lower() not in _NO
    pieces = []
    order = list(_CHINESE)
    if call.get("first").startswith("t"):
        order[1], order[2] = order[2], order[1]
    for key, label, article in order:
        if not (text := call.get(key)):
            continue
        if key not in ("c", "s", "t", "zhu"):
            text = italic(text)
        pieces.append(f"{link(article, label) if links else label}: {text}" if labels else text)
    if meaning := call.get("l", "tr"):
        pieces.append(f"lit. '{meaning}'" if labels else f"'{meaning}'")
    if not pieces:
        words = [word for word in call.positional() if word]
        return f"{link('Chinese language', 'Chinese') if links else 'Chinese'}: {words[0]}" if words else None
    return "; ".join(pieces)


_KOREAN = (
    (("hangul", "1"), "Korean", "Korean language"),
    (("hanja", "2"), "Hanja", "Hanja"),
    (("rr", "3"), "RR", "Revised Romanization of Korean"),
    (("mr", "4"), "MR", "McCune–Reischauer"),
)


@template("korean", "ko-hhrm", "lang-ko-hhrm", "korean/auto")
def korean(call: TemplateCall) -> str:
    """``{{korean|hangul=한강|hanja=漢江|rr=Hangang}}`` -> ``Korean: 한강; Hanja: 漢江; RR: ''Hangang''``."""
    pieces = []
    for keys, label, article in _KOREAN:
        if text := call.get(*keys):
            shown = text if label in ("Korean", "Hanja") else italic(text)
            labels = call.get("labels").lower() not in _NO
            pieces.append(f"{link(article, label)}: {shown}" if labels else shown)
    return "; ".join(pieces)


@template("vie", "vi-nom")
def vietnamese(call: TemplateCall) -> str:
    """``{{vie|v=Hà Nội|hn=河內}}`` -> ``Vietnamese: ''Hà Nội'', chữ Hán: 河內``."""
    pieces = []
    if text := call.get("v", "1"):
        pieces.append(f"{link('Vietnamese language', 'Vietnamese')}: {italic(text)}")
    for key, label in (("hn", "chữ Hán"), ("n", "chữ Nôm"), ("l", "lit.")):
        if text := call.get(key):
            pieces.append(f"{label}: {text}" if key != "l" else f"lit. '{text}'")
    return ", ".join(pieces)


@template_family("script/", "script ")
@template("script")
def script(call: TemplateCall) -> str:
    """``{{script/Hebrew|אבק}}`` and ``{{script|Hebr|אבק}}`` -> ``אבק``."""
    return call.get("2", "1") if call.name == "script" else call.get("1")


@template("rtl-lang", "rtl", "ltr-lang")
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
    "nq",
    "sindhi",
    "ethiopic",
)
def one_script(call: TemplateCall) -> str:
    """``{{hebrew|אבק}}`` -> ``אבק``."""
    return call.get("1", "2") if len(call.get("1")) != 3 or not call.get("2") else call.get("2")


@template("in lang", "lang icon", "languageicon")
def in_language(call: TemplateCall) -> str | None:
    """``{{in lang|en|el}}`` -> ``(in English and Greek)``."""
    names = [language_name(code) or code for code in call.positional() if code]
    if not names:
        return None
    last = names.pop()
    return f"(in {', '.join(names)} and {last})" if names else f"(in {last})"


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


@template("etymology", "etym")
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


@template("cyrl")
def cyrillic(call: TemplateCall) -> str:
    """``{{cyrl|слово}}`` -> ``слово``."""
    return call.get("1")


@template("language name", "iSO 639 name", "iSO 639 text")
def name_of_language(call: TemplateCall) -> str | None:
    """``{{ISO 639 name|de}}`` -> ``German``."""
    return language_name(call.get("1"))


@template_family("iSO 639 name ")
def name_of_language_family(call: TemplateCall) -> str | None:
    """``{{ISO 639 name de}}`` -> ``German``."""
    return language_name(call.name.rpartition(" ")[2])


@template("pIE", "proto")
def reconstructed(call: TemplateCall) -> str:
    """``{{PIE|*ḱerd-}}`` -> ``''*ḱerd-''``, ``{{proto|Celtic|kerd}}`` -> ``''*kerd''``."""
    if call.name == "proto":
        return italic(f"*{call.get('2')}") if call.get("2") else ""
    return italic(call.get("1"))
