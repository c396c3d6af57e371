"""Words of Japanese, Chinese, Korean and Vietnamese with their several spellings."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import italic, link
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_NO = frozenset(("no", "n", "none", "off", "false", "0"))


@template(
    "nihongo", "nihongo2", "nihongo3", "nihongo4", "nihongo foot", "nihongo krt", "nihongo-s", "nihongo core"
)
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
    if name == "nihongo krt" and kanji:
        # Kanji, romaji, translation.
        english, kanji, romaji = kanji, romaji, english
    elif not english:
        english, romaji = romaji, ""
    if call.get("lead").lower() in ("yes", "y", "1"):
        kanji = f"{link('Japanese language', 'Japanese')}: {kanji}" if kanji else ""
        romaji = f"{link('Hepburn romanization', 'Hepburn')}: {romaji}" if romaji else ""
    inside = ", ".join(filter(None, (kanji, romaji, extra)))
    shown = f"{english} ({inside})" if english and inside else english or inside
    shown += call.get("post")
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


@template("zh", "lang-zh", "zh-full", "zhi", "CJKV")
def chinese(call: TemplateCall) -> str | None:
    """``{{zh|t=臺北|p=Táiběi}}`` -> ``traditional Chinese: 臺北; pinyin: ''Táiběi''``; ``labels=no`` drops them."""
    labels = call.get("labels").lower() not in _NO and call.name != "zhi"
    links = labels and call.get("links").lower() not in _NO
    pieces = []
    order = list(_CHINESE)
    if call.get("s") and call.get("s") == call.get("t"):
        # One form for both scripts is just Chinese.
        call.arguments["c"] = call.arguments.pop("s")
        del call.arguments["t"]
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


# Marks in {{korean/auto}} that say how a word is romanized: a capital, a name, a break between syllables.
_HANGUL_MARKS = str.maketrans("", "", "^_%@")


@template("korean", "ko-hhrm", "lang-ko-hhrm", "korean/auto", "ko")
def korean(call: TemplateCall) -> str:
    """``{{korean|hangul=한강|hanja=漢江|rr=Hangang}}`` -> ``Korean: 한강; Hanja: 漢江; RR: ''Hangang''``.

    A romanization that the template is asked to make itself (``rr=yes``) is left out.
    """
    pieces = []
    for keys, label, article in _KOREAN:
        text = call.get(*keys)
        if label == "Korean":
            text = text.translate(_HANGUL_MARKS)
        elif text.lower() in ("yes", "y", "no", "n", "auto"):
            continue
        if text:
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
