"""Quotations that stand as blocks of their own, and inline ones."""

from __future__ import annotations

from pipelines.wikitext import marks
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("quote", "blockquote", "cquote", "quotation", "bquote", "block quote", "rquote")
@template(
    "centered pull quote",
    "pull quote",
    "quote frame",
    "imagequote",
    "quote without source",
    "lquote",
    "epigraph",
)
def block_quotation(call: TemplateCall) -> str | None:
    """``{{quote|text|author|source}}`` -> ``<blockquote>text</blockquote>`` with ``— author, source`` behind it."""
    arguments = call.positional()
    text = call.get("text", "quote", "content", "1")
    sides = 0
    if (
        call.name.startswith(("rquote", "lquote"))
        and arguments[:1]
        and arguments[0] in ("left", "right", "center")
    ):
        text, sides = call.get("text", "quote", "2"), 1
    if not text:
        # Without a text `quote without source` is a mere remark.
        return "" if call.name == "quote without source" else None
    author = call.get("author", "by", "sign", "cite", "person", str(2 + sides))
    source = call.get("source", "title", "ts", str(3 + sides))
    if call.name.startswith("cquote") and not call.get("author", "sign"):
        # Its positional arguments two and three are the sizes of the marks.
        author, source = call.get("by", "4"), call.get("source", "5")
    return _block(text, author, source)


def _block(text: str, author: str, source: str) -> str:
    origin = _origin(author, source)
    if marks.QUOTE in text:
        # A poem is a block of its own already.
        return f"\n{text}\n" + (f"<blockquote>\n{origin}\n</blockquote>" if origin else "")
    return f"<blockquote>\n{text}{origin and chr(10) * 2 + origin}\n</blockquote>"


def _origin(author: str, source: str) -> str:
    origin = ", ".join(filter(None, (author, source))).lstrip("—–- ")
    return f"— {origin}" if origin else ""


def _poem(text: str, author: str = "", source: str = "") -> str:
    """Return a text whose line breaks count, and behind it its origin as a quotation's last line."""
    if marks.QUOTE in text:
        return _block(text, author, source)
    text = text.replace(f"{marks.LINE_BREAK}\n", "\n").replace(marks.LINE_BREAK, "\n")
    lines = "\n".join(map(str.strip, text.strip("\n").split("\n")))
    origin = _origin(author, source)
    poem = f"<poem>{lines}</poem>"
    return f"{poem}<blockquote>\n{origin}\n</blockquote>" if origin else poem


@template("poemquote", "poem quote", "poem")
def poem_quotation(call: TemplateCall) -> str | None:
    """``{{poemquote|lines|Ann}}`` -> ``<poem>lines</poem>``, then ``— Ann``: each line stays a line."""
    text = call.get("text", "quote", "1")
    if not text:
        return None
    author = call.get("author", "sign", "char", "by", "2")
    return _poem(text, author, call.get("title", "source", "3"))


@template("verse translation", "verse transliteration-translation", "text and translation")
def verse_translation(call: TemplateCall) -> str | None:
    """``{{verse translation|lines|English lines|attr2=Ann}}`` -> both as poems, each with its origin."""
    texts = [_poem(text, call.get(f"attr{n}")) for n in (1, 2, 3) if (text := call.get(str(n), f"text{n}"))]
    return "".join(texts) or None


@template("quote box", "quotebox")
def quote_box(call: TemplateCall) -> str | None:
    """``{{quote box|quote=text|author=A}}`` -> a quotation, as it stands beside the text."""
    text = call.get("quote", "text", "1")
    return _block(text, call.get("author", "by"), call.get("source")) if text else None


@template("talkquote", "tq", "talk quote")
def talk_quotation(call: TemplateCall) -> str:
    """``{{tq|text}}`` -> ``text``."""
    return call.get("1", "text", "quote")


@template("quote in text")
def inline_quotation(call: TemplateCall) -> str:
    """``{{quote in text|words}}`` -> ``"words"``."""
    return f'"{call.get("1")}"' if call.get("1") else ""


@template("dialogue")
def dialogue(call: TemplateCall) -> str:
    """``{{dialogue|Ann|Yes.}}`` -> ``Ann: Yes.``."""
    speaker, words = call.get("1"), call.get("2")
    return f"{speaker}: {words}" if words else speaker


@template("interlinear", "fs interlinear", "gcl")
def interlinear(call: TemplateCall) -> str | None:
    """``{{gcl|NOM|nominative}}`` -> ``NOM``; whole interlinear glosses show their free translation."""
    if call.name in ("gcl"):
        return call.get("1")
    lines = [line for line in call.positional() if line]
    return lines[-1] if lines else None
